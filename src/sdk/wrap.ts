import type { Batch, BatchData } from '../core/batch.ts'
import { failure } from '../core/errors.ts'
import { remoteOf } from '../core/remote.ts'
import { Tensor } from '../core/tensor.ts'
import type { Transport } from '../core/transport.ts'
import { batchStages } from '../objects/loader/batch-stages.ts'
import type { ModelDescription } from '../objects/model/model.ts'
import { pipeline as pipelineType } from '../objects/pipeline/pipeline.ts'
import { type Op, type PipelineSpec, checkPipeline } from '../objects/pipeline/spec.ts'
import { isOps } from './data-loader.ts'

type Stage =
  | { readonly kind: 'map'; readonly spec: PipelineSpec }
  | { readonly kind: 'forward'; readonly model: ModelDescription; readonly input: string }

/**
 * A user's own loader, iterated unchanged until stages are added, each placed batch by batch. With stages it yields
 * tensors [N, ...], lists of N encoded images, or `{ data, ids?, labels? }` with one of them.
 */
export interface WrappedIterable<Item> extends AsyncIterable<Item> {
  /** Preprocesses each batch; encoded images need a `decode` op first, uint8 tensors [N, H, W, C] none. */
  map(pipeline: readonly Op[] | PipelineSpec, key?: { readonly seed?: number }): WrappedIterable<Batch<Tensor>>
  /** Runs each batch through a model. @param model what the model object's `describe` gave */
  forward(model: ModelDescription, input?: string): WrappedIterable<Batch<Readonly<Record<string, Tensor>>>>
}

interface Loose {
  readonly ids: readonly string[]
  readonly data: Tensor | readonly Uint8Array[] | BatchData
  readonly labels?: readonly (string | number)[]
}

const looseOf = (item: unknown, index: number): Loose => {
  const inner =
    typeof item === 'object' && item !== null && !(item instanceof Tensor) && !Array.isArray(item) && 'data' in item ? item : { data: item }
  const { data } = inner
  const count = data instanceof Tensor ? data.shape[0] : isImages(data) ? data.length : undefined
  if (count === undefined || !(data instanceof Tensor || isImages(data))) {
    throw failure(
      'invalid-argument',
      `batch ${index} of the wrapped loader: use a Tensor [N, ...], a list of encoded images, or { data, ids?, labels? } with one of them`,
    )
  }
  const given: unknown = 'ids' in inner ? inner.ids : undefined
  const ids = Array.isArray(given) ? given.map(String) : Array.from({ length: count }, (_, row) => `${index}/${row}`)
  if (ids.length !== count)
    throw failure('invalid-argument', `batch ${index} of the wrapped loader has ${ids.length} ids for ${count} samples`)
  const labels: unknown = 'labels' in inner ? inner.labels : undefined
  return { ids, data, ...(Array.isArray(labels) && { labels }) }
}
const isImages = (data: unknown): data is readonly Uint8Array[] => Array.isArray(data) && data.every((item) => item instanceof Uint8Array)

const applied = async (
  transport: Transport,
  stage: Stage,
  { data, ids }: Loose,
  key: { seed: number; epoch: number },
): Promise<BatchData> => {
  const route = () => transport
  if (stage.kind === 'map') {
    const remote = remoteOf(pipelineType, 'main', route)
    if (data instanceof Tensor) return remote.runRaw(stage.spec, data, ids, key)
    return remote.run(
      stage.spec,
      images(data).map((content, row) => ({ id: ids[row] ?? '', content })),
      key,
    )
  }
  if (!(data instanceof Tensor)) throw failure('tensor-mismatch', 'a model takes a tensor: preprocess the images with .map(pipeline) first')
  const { hash, file, external, mode } = stage.model
  return remoteOf(batchStages, 'main', route).forward({ hash, file, external, mode, input: stage.input }, data)
}
const images = (data: Loose['data']): readonly Uint8Array[] => {
  if (isImages(data)) return data
  throw failure('tensor-mismatch', 'a pipeline takes encoded images or one tensor, not named outputs')
}

export const wrapIterable = <Item>(source: Iterable<Item> | AsyncIterable<Item>, transport: Transport): WrappedIterable<Item> => {
  let epochs = 0
  const staged = <Out>(stages: readonly Stage[], seed: number): WrappedIterable<Out> => ({
    map: (pipeline, key = {}) => {
      const spec = isOps(pipeline) ? { ops: pipeline } : pipeline
      checkPipeline(spec)
      return staged([...stages, { kind: 'map', spec }], key.seed ?? seed)
    },
    forward: (model, wanted) => {
      const input = wanted ?? (model.inputs.length === 1 ? model.inputs[0]?.name : undefined)
      if (input === undefined)
        throw failure(
          'invalid-argument',
          `the model's inputs are ${model.inputs.map(({ name }) => name).join(', ')}: name the one that takes the batch`,
        )
      return staged([...stages, { kind: 'forward', model, input }], seed)
    },
    async *[Symbol.asyncIterator]() {
      const epoch = epochs++
      let index = 0
      for await (const item of source) {
        if (stages.length === 0) {
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without stages Out is Item: what comes in goes out untouched
          yield item as unknown as Out
          continue
        }
        let batch = looseOf(item, index)
        for (const stage of stages) batch = { ...batch, data: await applied(transport, stage, batch, { seed, epoch }) }
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- with stages Out is the Batch that the last one makes
        yield { ...batch, epoch, index: index++ } as unknown as Out
      }
    },
  })
  return staged<Item>([], 0)
}
