import { failure } from '../../../core/errors.ts'
import { rangeSliced } from '../../../core/slices.ts'
import { concatSliced } from '../blocks.ts'

/** A graph as it is sampled from: rows of neighbours, and rows of features. */
export interface Graph {
  readonly nodes: number
  /** Neighbours of node n: `neighbours` from `offsets[n]` up to `offsets[n + 1]`, in order, each once. */
  readonly offsets: Uint32Array
  readonly neighbours: Uint32Array
  readonly features: Features
}
export type Features =
  | { readonly kind: 'none'; readonly width: 0 }
  /** `width` numbers a node. */
  | { readonly kind: 'dense'; readonly width: number; readonly values: Float32Array }
  /** Indexes below `width`, as many as a node has. */
  | { readonly kind: 'words'; readonly width: number; readonly offsets: Uint32Array; readonly words: Uint32Array }

const MAGIC = 'ASGRAPH1'
const MOST_HEADER = 4096
const ALIGN = 8

interface Header {
  readonly nodes: number
  readonly neighbours: number
  readonly kind: Features['kind']
  readonly width: number
  readonly words: number
}
const isHeader = (value: unknown): value is Header =>
  typeof value === 'object' &&
  value !== null &&
  ['nodes', 'neighbours', 'width', 'words'].every((key) => Number.isSafeInteger((value as Record<string, unknown>)[key])) && // oxlint-disable-line typescript/no-unsafe-type-assertion -- read as unknown
  'kind' in value &&
  ['none', 'dense', 'words'].includes(String(value.kind))

/** The graph as content: a header, and its arrays in little-endian order. */
export const encodeGraph = async ({ nodes, offsets, neighbours, features }: Graph): Promise<Uint8Array> => {
  const words = features.kind === 'words' ? features.words.length : 0
  const header: Header = { nodes, neighbours: neighbours.length, kind: features.kind, width: features.width, words }
  const text = Buffer.from(JSON.stringify(header))
  const head = Buffer.alloc(Math.ceil((MAGIC.length + 4 + text.length) / ALIGN) * ALIGN, 32)
  head.write(MAGIC)
  head.writeUInt32LE(head.length - MAGIC.length - 4, MAGIC.length)
  text.copy(head, MAGIC.length + 4)
  const arrays: (Uint32Array | Float32Array)[] = [offsets, neighbours]
  if (features.kind === 'dense') arrays.push(features.values)
  if (features.kind === 'words') arrays.push(features.offsets, features.words)
  const pieces = arrays.flatMap(({ buffer, byteOffset, byteLength }) => piecesOf(new Uint8Array(buffer, byteOffset, byteLength)))
  return concatSliced([head, ...pieces])
}

/** So much is copied at once, within some ms. */
const PIECE = 4 * 1024 * 1024
const piecesOf = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.byteLength / PIECE) }, (_, index) => bytes.subarray(index * PIECE, (index + 1) * PIECE))

/** Whether all values fit, looked at in slices. */
const every = async (values: Uint32Array, fits: (value: number, index: number) => boolean): Promise<boolean> => {
  let sound = true
  await rangeSliced(values.length, (from, to) => {
    for (let index = from; sound && index < to; index++) sound = fits(values[index]!, index)
  })
  return sound
}
const rising = async (offsets: Uint32Array, total: number): Promise<boolean> =>
  offsets[0] === 0 &&
  offsets[offsets.length - 1] === total &&
  (await every(offsets, (each, index) => index === 0 || each >= offsets[index - 1]!))

/** @throws `bad-sample` where the bytes are no graph */
export const decodeGraph = async (bytes: Uint8Array): Promise<Graph> => {
  const refuse = (byte: number, what: string) =>
    failure('bad-sample', `the content of a graph, byte ${byte}: ${what}: adopt its files again`)
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < MAGIC.length + 4 || file.toString('latin1', 0, MAGIC.length) !== MAGIC) throw refuse(0, 'this is no graph')
  const length = file.readUInt32LE(MAGIC.length)
  let at = MAGIC.length + 4 + length
  if (length > MOST_HEADER || at > file.length) throw refuse(MAGIC.length, `a header of ${length} bytes`)
  const parsed = (): unknown => {
    try {
      return JSON.parse(file.toString('utf8', MAGIC.length + 4, at))
    } catch {
      return undefined
    }
  }
  const header = parsed()
  if (!isHeader(header)) throw refuse(MAGIC.length + 4, 'a header that cannot be read')
  const next = async (count: number): Promise<ArrayBuffer> => {
    const end = at + count * 4
    if (!(count >= 0) || end > file.length)
      throw refuse(at, `${count} values are said to be here, which the ${file.length} bytes do not hold`)
    // A copy: the arrays have to be aligned, and to outlive what the bytes are part of.
    const made = new ArrayBuffer(count * 4)
    const from = at
    at = end
    await rangeSliced(count * 4, (first, last) => new Uint8Array(made).set(file.subarray(from + first, from + last), first), PIECE)
    return made
  }
  const { nodes, width } = header
  const offsets = new Uint32Array(await next(nodes + 1))
  const neighbours = new Uint32Array(await next(header.neighbours))
  if (!(await rising(offsets, neighbours.length)) || !(await every(neighbours, (node) => node < nodes)))
    throw refuse(at, 'neighbours that are no nodes')
  const featuresOf = async (): Promise<Features> => {
    if (header.kind === 'none') return { kind: 'none', width: 0 }
    if (header.kind === 'dense') return { kind: 'dense', width, values: new Float32Array(await next(nodes * width)) }
    const starts = new Uint32Array(await next(nodes + 1))
    const words = new Uint32Array(await next(header.words))
    if (!(await rising(starts, words.length)) || !(await every(words, (word) => word < width)))
      throw refuse(at, 'features beyond the width')
    return { kind: 'words', width, offsets: starts, words }
  }
  return { nodes, offsets, neighbours, features: await featuresOf() }
}
