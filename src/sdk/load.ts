import { monotonicNow } from '../core/clock.ts'
import type { Batch, BatchData } from '../core/batch.ts'
import type { ContentRef } from '../core/content.ts'
import type { ObjectType } from '../core/define.ts'
import { failure } from '../core/errors.ts'
import { recipeOf, type Remote, remoteOf } from '../core/remote.ts'
import { Tensor } from '../core/tensor.ts'
import type { Transport } from '../core/transport.ts'
import { dataset as datasetType, type Sample } from '../objects/dataset/dataset.ts'
import { batchStages, type LoaderModel } from '../objects/loader/batch-stages.ts'
import { checkBatches } from '../objects/loader/model-batches.ts'
import { planEpoch } from '../objects/loader/plan.ts'
import { samplesOf } from '../objects/loader/samples.ts'
import { checkSameSource, hashSamples, type LoaderSource } from '../objects/loader/state.ts'
import { filesOf, forwardKey } from '../objects/model/forward.ts'
import { model as modelType, type ModelDescription } from '../objects/model/model.ts'
import { pipeline as pipelineType, preprocessKey, type RandomKey, unitsOf } from '../objects/pipeline/pipeline.ts'
import { pipelineHash, type PipelineSpec } from '../objects/pipeline/spec.ts'
import type { StageView } from '../policy/types.ts'
import { type DataLoaderOptions, isOps, isSpec } from './data-loader.ts'
import type { Progress, Start } from './loader-position.ts'
import type { PlacedView, Placer } from './placer.ts'
import { prefetching } from '../objects/loader/prefetching.ts'
import type { Site } from './site.ts'

/** What loading needs of its client. */
export interface LoadContext {
  readonly placer: Placer
  readonly at: (site: Site) => Transport
  /** Ms that a batch may take where the loader sets no limit. */
  readonly timeoutMs: number
  readonly object: <T extends ObjectType>(type: T, id: string) => Remote<T>
  readonly onWarning: (message: string) => void
}

/** A description as batches are run through it. @param wanted the input that takes the batch @throws `invalid-argument` */
export const modelOf = (
  { onWarning }: Pick<LoadContext, 'onWarning'>,
  description: ModelDescription,
  wanted: string | undefined,
): LoaderModel => {
  const names = description.inputs.map(({ name }) => name)
  const input = wanted ?? (names.length === 1 ? names[0] : undefined)
  if (input === undefined || !names.includes(input)) {
    throw failure('invalid-argument', `the model's inputs are ${names.join(', ')}: name the one that takes the batch with input`)
  }
  const { hash, file, external, mode, batch, warnings = [] } = description
  for (const warning of warnings) onWarning(`model ${hash.slice(0, 16)}: ${warning}`)
  return { hash, file, external, mode, ...(batch !== undefined && { batch }), input }
}

const isRemote = <T extends object>(thing: T | ModelDescription): thing is T => !('hash' in thing)

interface Resolved {
  readonly spec: PipelineSpec
  readonly model: LoaderModel | undefined
  readonly samples: readonly Sample[]
  readonly source: LoaderSource
}

const resolve = async (context: LoadContext, { dataset, pipeline, model, input, split, ...plan }: DataLoaderOptions): Promise<Resolved> => {
  const set = typeof dataset === 'string' ? context.object(datasetType, dataset) : dataset
  const readSpec = async (): Promise<PipelineSpec> => {
    if (isOps(pipeline)) return { ops: pipeline }
    if (isSpec(pipeline)) return pipeline
    const remote = typeof pipeline === 'string' ? context.object(pipelineType, pipeline) : pipeline
    return (await remote.describe()).spec
  }
  const readModel = async (): Promise<LoaderModel | undefined> => {
    if (model === undefined) return undefined
    if (typeof model === 'object' && !isRemote(model)) return modelOf(context, model, input)
    return modelOf(context, await (typeof model === 'string' ? context.object(modelType, model) : model).describe(), input)
  }
  const [spec, found, { version }] = await Promise.all([readSpec(), readModel(), set.describe()])
  const samples = await samplesOf(set, spec, split)
  if (found !== undefined) checkBatches(found, samples.length, plan)
  const source: LoaderSource = {
    dataset: typeof dataset === 'string' ? dataset : recipeOf(dataset).id,
    datasetVersion: version,
    samples: hashSamples(samples),
    count: samples.length,
    pipeline: pipelineHash(spec),
    model: found?.hash ?? null,
  }
  return { samples, spec, model: found, source }
}

// Samples may be parts of one piece of content, which travels once.
const inputsOf = (refs: readonly ContentRef[]) =>
  [...new Map(refs.map((ref) => [ref.hash, ref])).values()].map(({ hash, bytes, home }) => ({ hash, bytes, home }))

const viewOf = (
  samples: readonly Sample[],
  preprocess: string,
  forward: string | undefined,
  model: LoaderModel | undefined,
): PlacedView => {
  const stages: StageView[] = [
    {
      key: preprocess,
      units: unitsOf(samples),
      inputs: inputsOf(samples.map(({ content }) => content)),
    },
  ]
  if (model !== undefined && forward !== undefined) stages.push({ key: forward, units: samples.length, inputs: inputsOf(filesOf(model)) })
  // Ids and references of the samples, and the spec: small beside what they stand for.
  return { type: 'loader', method: 'batch', stages, argumentBytes: samples.length * 128 + 512 }
}

/** The batches of one epoch from one on, each made where the placer says; `only` holds them all at one site. */
export async function* load<Data extends BatchData>(
  context: LoadContext,
  options: DataLoaderOptions,
  { epoch, next, expected }: Start,
  progress: Progress,
  only?: 'local',
): AsyncGenerator<Batch<Data>> {
  const { seed = 0, prefetch = 2, timeoutMs = context.timeoutMs, cache } = options
  const extra = cache === undefined ? [] : [{ cache }]
  const { samples, spec, model, source } = await resolve(context, options)
  if (expected !== undefined) checkSameSource(expected, source)
  progress.begun(source)
  const batches = await planEpoch(samples, options, epoch)
  const preprocess = preprocessKey(spec)
  const forward = model === undefined ? undefined : forwardKey(model)
  const key: RandomKey = { seed, epoch }

  const make = async (index: number, signal: AbortSignal): Promise<Batch<Data>> => {
    const chosen = batches[index] ?? []
    const inputs = chosen.map(({ label: _, ...sample }) => sample)
    // One limit for the batch, whatever is tried again and wherever its stages run.
    const deadline = monotonicNow() + timeoutMs
    const data = await context.placer.run(
      viewOf(chosen, preprocess, forward, model),
      { place: only, signal, deadline },
      async ([first, second], onReport) => {
        if (first === undefined) throw failure('internal', 'a placement of no stage')
        const options = { signal, onReport, deadline }
        const stagesAt = (site: Site) => remoteOf(batchStages, 'main', () => context.at(site), options)
        if (model === undefined) return stagesAt(first).preprocess(spec, inputs, key, ...extra)
        if (second === undefined || second === first) return stagesAt(first).whole(spec, inputs, key, model, ...extra)
        return stagesAt(second).forward(model, await stagesAt(first).preprocess(spec, inputs, key, ...extra))
      },
    )
    const labels = chosen.flatMap(({ label }) => (label === undefined ? [] : [label]))
    return {
      ids: chosen.map(({ id }) => id),
      data: checked<Data>(data),
      ...(labels.length === chosen.length && chosen.length > 0 && { labels }),
      epoch,
      index,
    }
  }
  const left = Math.max(0, batches.length - next)
  for await (const batch of prefetching(left, prefetch, (index, signal) => make(next + index, signal))) {
    progress.received(epoch, batch.index, batches.length)
    yield batch
  }
}

const checked = <Data extends BatchData>(data: unknown): Data => {
  const fits =
    data instanceof Tensor || (typeof data === 'object' && data !== null && Object.values(data).every((each) => each instanceof Tensor))
  if (!fits) throw failure('malformed-message', 'a batch that is not made of tensors')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked above; which of the two it is follows from the ops and the model
  return data as Data
}
