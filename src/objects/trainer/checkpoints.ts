import { failure } from '../../core/errors.ts'
import type { ContentRef } from '../../core/content.ts'
import type { Content } from '../../core/self.ts'
import { bytesOf, Tensor, tensorFromBytes } from '../../core/tensor.ts'
import type { Checkpoint } from './spec.ts'

/** A tensor of as many bytes is a content of its own: smaller ones are together in one. */
const OWN_BYTES = 64 * 1024

type Kept = Pick<Checkpoint, 'tensors' | 'rest'>

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1)

/** Keeps the tensors of a state durably. What is unchanged since an earlier checkpoint is there already, under its hash. */
export const keepState = async (content: Pick<Content, 'put'>, state: ReadonlyMap<string, Tensor>): Promise<Kept> => {
  const small: Uint8Array[] = []
  const tensors: Checkpoint['tensors'] = []
  for (const [name, tensor] of state) {
    const bytes = bytesOf(tensor)
    const shape = [...tensor.shape]
    if (bytes.byteLength < OWN_BYTES) {
      small.push(bytes)
      tensors.push({ name, shape })
    } else tensors.push({ name, shape, content: await content.put(bytes) })
  }
  return { tensors, rest: small.length === 0 ? null : await content.put(Buffer.concat(small)) }
}

/** The state that was kept. Its bytes are held against their hashes as they are read. @throws `content-changed`, `missing-inputs` */
export const readState = async (
  content: Pick<Content, 'read'>,
  {
    tensors,
    rest,
  }: {
    readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly content?: ContentRef }[]
    readonly rest: ContentRef | null
  },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Tensor>> => {
  const together = rest === null ? new Uint8Array() : await content.read(rest, signal)
  const state = new Map<string, Tensor>()
  let at = 0
  for (const { name, shape, content: own } of tensors) {
    if (own !== undefined) {
      state.set(name, tensorFromBytes('float32', await content.read(own, signal), shape))
      continue
    }
    const bytes = sizeOf(shape) * 4
    if (at + bytes > together.byteLength) throw failure('content-changed', `a checkpoint has no bytes for "${name}": use an earlier one`)
    state.set(name, tensorFromBytes('float32', together.subarray(at, at + bytes), shape))
    at += bytes
  }
  return state
}

/**
 * The share of the time from copy to disk. All that checkpoints cost is to stay under 3.5 %: the rest is for what goes on when
 * they are on disk, and no clock here sees: the system's writing, garbage, the clearing away of earlier ones.
 */
const SHARE = 0.02
const LEAST_MS = 1000

/** When to make the next one: from what the last took, so that all stay under a share of the time (CheckFreq, FAST 2021). */
export class Interval {
  #next: number
  constructor(now: number) {
    this.#next = now + LEAST_MS
  }
  due(now: number): boolean {
    return now >= this.#next
  }
  /** @param ms from the copy to the disk, as if the step had waited for all of it: it shares the processors */
  took(ms: number, now: number): void {
    this.#next = now + Math.max(LEAST_MS, ms / SHARE)
  }
}
