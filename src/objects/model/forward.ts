import { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import { byteLengthOf, type DType, dtypes, isDType, type NumericDType } from '../../core/dtype.ts'
import type { ModelSource, MovableSelf, TensorRef } from '../../core/self.ts'
import { bytesOf, Tensor, tensorFromBytes } from '../../core/tensor.ts'

/** How a batch was run: as one, or sample by sample because the graph's first side is fixed at 1. */
export type BatchMode = 'batch' | 'loop'

/** A model that can be called: what its object's `describe` gives. */
export interface ModelHandle extends ModelSource {
  /** `loop` where the graph takes one sample at a time. */
  readonly mode: BatchMode
}
export interface Forward {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly mode: BatchMode
  /** Number of `session.run` calls made. */
  readonly runs: number
}

export const forwardKey = (model: ModelSource): string => `forward:${model.hash.slice(0, 16)}`
export const filesOf = (model: ModelSource): readonly ContentRef[] => [model.file, ...model.external.map(({ content }) => content)]

const numeric = (dtype: DType): dtype is NumericDType => dtype !== 'string'

/** Refuses what a caller of another language may have sent for a tensor. */
const checkFeed = (name: string, feed: Tensor | TensorRef): void => {
  if (feed instanceof Tensor) return
  if (!(feed.content instanceof ContentRef) || !Array.isArray(feed.shape))
    throw failure('tensor-mismatch', `input "${name}" is neither a tensor nor a reference to one`)
  if (!isDType(feed.dtype) || !numeric(feed.dtype)) {
    throw failure('tensor-mismatch', `input "${name}": a tensor of ${String(feed.dtype)} cannot be given by reference`)
  }
}

const resolved = async (self: MovableSelf, feed: Tensor | TensorRef): Promise<Tensor> => {
  if (feed instanceof Tensor) return feed
  if (!numeric(feed.dtype)) throw failure('tensor-mismatch', `a tensor of ${feed.dtype} cannot be given by reference`)
  return tensorFromBytes(feed.dtype, await self.content.read(feed.content, self.signal), feed.shape)
}

/** Rows of the first axis; undefined for a scalar. */
const rowsOf = (tensor: Tensor | TensorRef): number | undefined => tensor.shape[0]

const row = (tensor: Tensor, index: number): Tensor => {
  const shape = [1, ...tensor.shape.slice(1)]
  const size = shape.reduce((product, side) => product * side, 1)
  if (!numeric(tensor.dtype) || dtypes[tensor.dtype].bits < 8)
    throw failure('unsupported', `a batch of ${tensor.dtype} cannot be cut into samples`)
  const width = byteLengthOf(tensor.dtype, size)
  return tensorFromBytes(tensor.dtype, bytesOf(tensor).subarray(index * width, (index + 1) * width), shape)
}

const joined = (rows: readonly Tensor[]): Tensor => {
  const [first] = rows
  if (first === undefined) throw failure('tensor-mismatch', 'a batch of no samples')
  if (!numeric(first.dtype) || dtypes[first.dtype].bits < 8)
    throw failure('unsupported', `outputs of ${first.dtype} cannot be joined to a batch`)
  const shape = first.shape.join(',')
  const odd = rows.find((other) => other.dtype !== first.dtype || other.shape.join(',') !== shape)
  if (odd !== undefined)
    throw failure('tensor-mismatch', `the model's outputs differ in shape within the batch: [${shape}] and [${odd.shape.join(',')}]`)
  // A graph that drops the batch axis gets it back; one that keeps it as 1 is joined along it.
  const sides = first.shape[0] === 1 ? first.shape.slice(1) : first.shape
  const bytes = new Uint8Array(first.byteLength * rows.length)
  rows.forEach((tensor, index) => bytes.set(bytesOf(tensor), index * first.byteLength))
  return tensorFromBytes(first.dtype, bytes, [rows.length, ...sides])
}

/**
 * Runs the model on named inputs, as a stage whose unit is the sample. A batch is never merged or split where the graph
 * takes it whole, since the bits of a product may depend on its size; where the graph takes one sample, it is a loop.
 */
export const forward = async (
  self: MovableSelf,
  model: ModelHandle,
  feeds: Readonly<Record<string, Tensor | TensorRef>>,
): Promise<Forward> => {
  for (const [name, feed] of Object.entries(feeds)) checkFeed(name, feed)
  const refs = Object.values(feeds).flatMap((feed) => (feed instanceof Tensor ? [] : [feed.content]))
  await self.content.ensure([...filesOf(model), ...refs], self.signal)
  const rows = Math.max(1, ...Object.values(feeds).map((feed) => rowsOf(feed) ?? 1))
  return self.stage(forwardKey(model), rows, async () => {
    // References stay references: the worker reads what lies here itself.
    if (model.mode === 'batch' || rows === 1)
      return { outputs: await self.compute.run(model, feeds, self.signal), mode: model.mode, runs: 1 }
    const inputs: Record<string, Tensor> = {}
    for (const [name, feed] of Object.entries(feeds)) inputs[name] = await resolved(self, feed)
    const uneven = Object.entries(inputs).find(([, tensor]) => rowsOf(tensor) !== rows)
    if (uneven !== undefined)
      throw failure('tensor-mismatch', `input "${uneven[0]}" has ${rowsOf(uneven[1]) ?? 'no'} rows, another has ${rows}`)
    const each = await Promise.all(
      Array.from({ length: rows }, (_, index) =>
        self.compute.run(
          model,
          Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, row(tensor, index)])),
          self.signal,
        ),
      ),
    )
    const outputs: Record<string, Tensor> = {}
    for (const name of Object.keys(each[0] ?? {})) outputs[name] = joined(each.map((one) => one[name]!))
    return { outputs, mode: model.mode, runs: rows }
  })
}
