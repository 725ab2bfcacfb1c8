import { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import { type DType, isDType, type NumericDType } from '../../core/dtype.ts'
import type { ModelSource, MovableSelf, TensorRef } from '../../core/self.ts'
import { Tensor, tensorFromBytes } from '../../core/tensor.ts'
import type { BatchPlan, InputPlan } from './batch-plan.ts'
import { joinRuns, withCounts } from './join-runs.ts'
import { cut } from './rows.ts'

/** How a batch was run: as one, or sample by sample because the graph takes one at a time. */
export type BatchMode = 'batch' | 'loop'

/** A model that can be called: what its object's `describe` gives. */
export interface ModelHandle extends ModelSource {
  /** `loop` where the graph takes one sample at a time. */
  readonly mode: BatchMode
  /** How its inputs and outputs hold the samples of a batch. Descriptions of older nodes have none. */
  readonly batch?: BatchPlan
}
export interface Forward {
  readonly outputs: Readonly<Record<string, Tensor>>
  readonly mode: BatchMode
  /** Number of `session.run` calls made. */
  readonly runs: number
}

export const forwardKey = (model: ModelSource): string => `forward:${model.hash.slice(0, 16)}`
export const filesOf = (model: ModelSource): readonly ContentRef[] => [model.file, ...model.external.map(({ content }) => content)]

type Feed = Tensor | TensorRef

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

const resolved = async (self: MovableSelf, feed: Feed): Promise<Tensor> => {
  if (feed instanceof Tensor) return feed
  if (!numeric(feed.dtype)) throw failure('tensor-mismatch', `a tensor of ${feed.dtype} cannot be given by reference`)
  return tensorFromBytes(feed.dtype, await self.content.read(feed.content, self.signal), feed.shape)
}

/** A plan for a handle that has none: one sample a run where it says so, with what the tensors themselves show. */
const bare = (mode: BatchMode): BatchPlan => ({ size: mode === 'loop' ? 1 : null, inputs: {}, outputs: {}, independent: mode === 'loop' })

/** The plan of a model. Its mode may have been changed by hand: then each sample is a run. */
const planOf = ({ mode, batch }: ModelHandle): BatchPlan => {
  if (batch === undefined) return bare(mode)
  return mode === 'loop' && batch.size !== 1 ? { ...batch, size: 1, independent: true } : batch
}

const sidesFit = (shape: InputPlan['shape'], given: readonly number[], beside?: number): boolean =>
  shape === null ||
  (shape.length === given.length && shape.every((side, at) => at === beside || typeof side === 'string' || side === given[at]))

/** The entry of this very name: a tensor may be called `constructor`. */
const own = <T>(entries: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(entries, name) ? entries[name] : undefined

const shown = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`

/** How one call is run: whole, or in runs of `samples`, each with a part of the inputs that are cut. */
interface Cutting {
  readonly samples: number
  readonly count: number
  readonly axes: ReadonlyMap<string, number>
}

const cuttingOf = (plan: BatchPlan, feeds: Readonly<Record<string, Feed>>, asBatch: boolean): Cutting | undefined => {
  const { size } = plan
  // onnxruntime itself does not tell a scalar from an input that states no shape.
  for (const [name, { dtype, shape }] of Object.entries(feeds))
    if (shape.length > 0 && own(plan.inputs, name)?.shape?.length === 0)
      throw failure('tensor-mismatch', `input "${name}" needs [], a scalar, it was given ${dtype} ${shown(shape)}`)
  if (size === null) return undefined
  const axes = new Map<string, number>()
  for (const [name, { shape }] of Object.entries(feeds)) {
    const input = own(plan.inputs, name)
    const axis = input?.axis ?? 0
    // Without a stated side of its own an input tells by its axis alone.
    const open = input === undefined ? true : input.shape === null || typeof input.shape[axis] === 'string'
    if (open && (input === undefined || input.axis !== null) && shape.length > axis) axes.set(name, axis)
    // What fits in no way is left to the worker, which tells of dtype and shape.
    else if (input !== undefined && !sidesFit(input.shape, shape) && sidesFit(input.shape, shape, axis)) axes.set(name, axis)
  }
  // One run's worth of samples shows in no input: it is cut all the same, so that its outputs are those of a batch.
  for (const [name, { shape }] of axes.size === 0 && asBatch ? Object.entries(feeds) : []) {
    const axis = own(plan.inputs, name)?.axis
    if (axis !== undefined && axis !== null && shape[axis] === size) axes.set(name, axis)
  }
  // A run takes what its inputs state: another input may be fixed at another number.
  const stated = new Set([...axes].map(([name, axis]) => own(plan.inputs, name)?.shape?.[axis]).filter((side) => typeof side === 'number'))
  const [samples = size] = stated
  const counts = new Map([...axes].map(([name, axis]) => [name, feeds[name]?.shape[axis] ?? 0]))
  const [count] = counts.values()
  const [[lead] = ['']] = counts
  const uneven = [...counts].find(([, other]) => other !== count)
  // An input without a plan that has one row is the same for all.
  if (uneven !== undefined || stated.size > 1)
    throw failure(
      'tensor-mismatch',
      `input "${uneven?.[0] ?? lead}" has ${uneven?.[1] ?? count} samples, input "${lead}" has ${count}: give as many, or say when the model is put which input is the same for all samples, with batch: { inputs: { ${JSON.stringify(uneven?.[0] ?? lead)}: null } }`,
    )
  if (count === undefined) return undefined
  if (count === 0) throw failure('tensor-mismatch', `a batch of no samples, where a run takes ${samples}`)
  if (count !== samples && !plan.independent)
    throw failure(
      'tensor-mismatch',
      `the model takes ${samples} samples a run and was given ${count}; it is not sure that a sample's result stays the same among others: give exactly ${samples} (a loader: batchSize ${samples} with dropLast), or vouch for it when the model is put, with batch: { independent: true }`,
    )
  return count === samples && !(asBatch && samples === 1) ? undefined : { samples, count, axes }
}

/**
 * Runs the model on named inputs, as a stage whose unit is the sample. Where a run takes any number of samples the batch
 * is never split, since the bits of a product may depend on its size. Where it takes a fixed number, the batch is run in
 * as many runs as it needs, the last filled up with its last sample.
 * @param asBatch gives each output its samples' axis even where the inputs are those of one run, as a loader needs it
 * @throws ActiveStorageError `tensor-mismatch`, `unsupported` naming the input or output and what to say of it
 */
export const forward = async (
  self: MovableSelf,
  model: ModelHandle,
  feeds: Readonly<Record<string, Feed>>,
  { asBatch = false }: { readonly asBatch?: boolean } = {},
): Promise<Forward> => {
  for (const [name, feed] of Object.entries(feeds)) checkFeed(name, feed)
  const refs = Object.values(feeds).flatMap((feed) => (feed instanceof Tensor ? [] : [feed.content]))
  await self.content.ensure([...filesOf(model), ...refs], self.signal)
  const plan = planOf(model)
  const cutting = cuttingOf(plan, feeds, asBatch)
  const units = cutting?.count ?? Math.max(1, ...Object.values(feeds).map(({ shape }) => shape[0] ?? 1))
  return self.stage(forwardKey(model), units, async () => {
    // References stay references: the worker reads what lies here itself.
    if (cutting === undefined) {
      const outputs = withCounts(plan, await self.compute.run(model, feeds, self.signal))
      return { outputs, mode: model.mode, runs: 1 }
    }
    const { samples, count, axes } = cutting
    const inputs = new Map<string, Tensor>()
    for (const name of axes.keys()) inputs.set(name, await resolved(self, feeds[name]!))
    const part = (from: number) =>
      Object.fromEntries([...inputs].map(([name, tensor]) => [name, cut(tensor, axes.get(name) ?? 0, from, from + samples)]))
    const runs = await Promise.all(
      Array.from({ length: Math.ceil(count / samples) }, (_, index) =>
        self.compute.run(model, { ...feeds, ...part(index * samples) }, self.signal),
      ),
    )
    return { outputs: joinRuns(plan, runs, count, samples), mode: model.mode, runs: runs.length }
  })
}
