import { kernels } from './gen/kernels.ts'

/** The part of WebAssembly that is used: Node has it, its types do not name it. */
interface Memory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: object }
}

/** The functions of kernels.wat; addresses and strides are in bytes. */
interface Exports {
  readonly memory: Memory
  readonly rgbRows: RowPass
  readonly greyRows: RowPass
  readonly columns: (
    source: number,
    stride: number,
    target: number,
    bytes: number,
    firsts: number,
    weights: number,
    taps: number,
    count: number,
  ) => void
  readonly grey: (source: number, target: number, count: number) => void
}
type RowPass = (
  source: number,
  sourceStride: number,
  target: number,
  targetStride: number,
  rows: number,
  firsts: number,
  weights: number,
  taps: number,
  count: number,
) => void

const PAGE = 65_536
/** Memory that a thread keeps from one image to the next. */
const KEPT_BYTES = 64 * 1024 * 1024

let compiled: object | undefined
let opened: Exports | undefined

/** The module of this thread, with at least so many bytes of memory. */
export const openPasses = (bytes: number): { passes: Exports; memory: Uint8Array } => {
  compiled ??= new WebAssembly.Module(Buffer.from(kernels, 'base64'))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what kernels.wat exports, which a test assembles again
  opened ??= new WebAssembly.Instance(compiled).exports as Exports
  const missing = bytes - opened.memory.buffer.byteLength
  if (missing > 0) opened.memory.grow(Math.ceil(missing / PAGE))
  return { passes: opened, memory: new Uint8Array(opened.memory.buffer) }
}

/** Frees the memory of this thread's module if a large image left it large: WebAssembly memory cannot shrink. */
export const closePasses = (): void => {
  if (opened !== undefined && opened.memory.buffer.byteLength > KEPT_BYTES) opened = undefined
}
