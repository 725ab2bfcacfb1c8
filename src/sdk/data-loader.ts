import type { Batch, BatchData } from '../core/batch.ts'
import { failure } from '../core/errors.ts'
import { recipeOf, type Remote } from '../core/remote.ts'
import type { Tensor } from '../core/tensor.ts'
import type { dataset as datasetType } from '../objects/dataset/dataset.ts'
import type { model as modelType, ModelDescription } from '../objects/model/model.ts'
import type { pipeline as pipelineType } from '../objects/pipeline/pipeline.ts'
import { checkPipeline, type Op, type PipelineSpec } from '../objects/pipeline/spec.ts'
import { checkPlan, type PlanOptions } from '../objects/loader/plan.ts'
import type { RunOptions } from '../objects/pipeline/pipeline.ts'
import type { Split } from '../objects/dataset/split.ts'
import type { LoaderState } from '../objects/loader/state.ts'
import { loadersOf } from './loader-home.ts'
import { createPosition, type Start } from './loader-position.ts'

type DatasetRemote = Remote<typeof datasetType>
type PipelineRemote = Remote<typeof pipelineType>
type ModelRemote = Remote<typeof modelType>

export interface DataLoaderOptions extends PlanOptions {
  /** `client.object(dataset, 'photos')`, or the data set's name for the client that wraps the loader. */
  readonly dataset: DatasetRemote | string
  /** The ops, a spec, a pipeline object, or its name. */
  readonly pipeline: readonly Op[] | PipelineSpec | PipelineRemote | string
  /** A model whose outputs the batches hold: an object, what its `describe` gave, or its name. Default none. */
  readonly model?: ModelRemote | ModelDescription | string
  /** The model's input that takes the batch. Default its only one. */
  readonly input?: string
  /** Batches made ahead of the reader. Default 2: one being made while one is ready. */
  readonly prefetch?: number
  /** The most time that one batch may take, in ms. Default: the client's. */
  readonly timeoutMs?: number
  /** Only a part of the data set: by a seeded hash of the samples' ids, or of the time series' where the pipeline takes windows. */
  readonly split?: Split
  /** `decoded`: images are decoded once, and kept in memory where they are preprocessed. Values stay the same. */
  readonly cache?: RunOptions['cache']
}

/** A data loader: what to load and how. Iterating it runs everything in this process; `wrap` places it. */
export interface DataLoader<Data> extends AsyncIterable<Batch<Data>> {
  readonly options: DataLoaderOptions
  /** The batches of one epoch. Iterating the loader itself gives epoch 0, then 1, and so on. */
  epoch(epoch: number): AsyncIterable<Batch<Data>>
  /** Plain JSON from which the batches that its reader has not yet received follow. Of the iteration begun last. */
  state(): LoaderState
  /**
   * Lets the next iteration go on where a state was taken: the same batches, to the bit. What is loaded is compared when that begins.
   * @throws ActiveStorageError `invalid-argument` naming what differs, here or at the first batch
   */
  resume(state: LoaderState): void
}

/**
 * Declares a loader of batches: samples of a data set, preprocessed, and run through a model where one is given.
 * @throws ActiveStorageError `invalid-argument`
 */
export function dataLoader(
  options: DataLoaderOptions & { readonly model: ModelRemote | ModelDescription | string },
): DataLoader<Readonly<Record<string, Tensor>>>
/** `Data` is a record of tensors where the ops give named ones: `dataLoader<Record<string, Tensor>>({ ... })`. */
export function dataLoader<Data extends BatchData = Tensor>(options: DataLoaderOptions): DataLoader<Data>
export function dataLoader(options: DataLoaderOptions): DataLoader<Tensor | Readonly<Record<string, Tensor>>> {
  checkPlan(options)
  const { prefetch = 2, pipeline } = options
  if (!Number.isSafeInteger(prefetch) || prefetch < 0 || prefetch > 256)
    throw failure('invalid-argument', `prefetch ${prefetch}: use a whole number from 0 to 256`)
  if (isOps(pipeline)) checkPipeline({ ops: pipeline })
  else if (isSpec(pipeline)) checkPipeline(pipeline)
  const position = createPosition(options)
  const from = (start: Start) => homeLoader(options).bare({ ...options, prefetch }, start, position.progress)
  return {
    options: Object.freeze({ ...options, prefetch }),
    epoch: (index) => from(position.at(index)),
    state: position.state,
    resume: position.resume,
    [Symbol.asyncIterator]: () => from(position.take())[Symbol.asyncIterator](),
  }
}

export const isOps = (pipeline: DataLoaderOptions['pipeline']): pipeline is readonly Op[] => Array.isArray(pipeline)
export const isSpec = (pipeline: DataLoaderOptions['pipeline']): pipeline is PipelineSpec =>
  typeof pipeline === 'object' && 'ops' in pipeline

const homeLoader = ({ dataset }: DataLoaderOptions) => {
  if (typeof dataset === 'string')
    throw failure(
      'invalid-argument',
      `the data set is given by its name, "${dataset}", which only a client can find: wrap the loader, or give client.object(dataset, '${dataset}')`,
    )
  return loadersOf(recipeOf(dataset).route)
}
