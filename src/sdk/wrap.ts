import type { Batch } from '../core/batch.ts'
import { failure } from '../core/errors.ts'
import { Tensor } from '../core/tensor.ts'
import { mapAhead } from '../objects/loader/ahead.ts'
import type { LooseBatch, LooseStage } from '../objects/loader/loose-batch.ts'
import type { ModelDescription } from '../objects/model/model.ts'
import { checkPipeline, type Op, type PipelineSpec } from '../objects/pipeline/spec.ts'
import { isOps } from './data-loader.ts'
import { type LoadContext, modelOf } from './load.ts'
import { createStaging } from './staging.ts'

export interface WrapOptions {
  /**
   * Batches that are read and made ahead of the reader, once there are stages. Default 2. The source's bytes are copied
   * then, since a loader may use its memory again. 0: one batch at a time, read when the reader asks for it, without a copy.
   */
  readonly prefetch?: number
}

/**
 * A user's own loader, iterated unchanged until stages are added. With stages it yields tensors [N, ...], lists of N encoded
 * images, or `{ data, ids?, labels? }` with one of them; each batch then goes through all stages in one call, where the
 * policy says, while the next batches are read and made.
 */
export interface WrappedIterable<Item> extends AsyncIterable<Item> {
  /** Preprocesses each batch; encoded images need a `decode` op first, uint8 tensors [N, H, W, C] none. */
  map(pipeline: readonly Op[] | PipelineSpec, key?: { readonly seed?: number }): WrappedIterable<Batch<Tensor>>
  /** Runs each batch through a model. @param model what the model object's `describe` gave */
  forward(model: ModelDescription, input?: string): WrappedIterable<Batch<Readonly<Record<string, Tensor>>>>
}

interface Loose extends LooseBatch {
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
  return { ids, data, ...(Array.isArray(labels) && { labels: [...labels] }) }
}
const isImages = (data: unknown): data is readonly Uint8Array[] => Array.isArray(data) && data.every((item) => item instanceof Uint8Array)

/** With bytes of its own, so that the loader may fill its memory anew. */
const copied = (batch: Loose): Loose => {
  const { data } = batch
  if (data instanceof Tensor) return { ...batch, data: new Tensor(data.dtype, data.data.slice(), data.shape) }
  return isImages(data) ? { ...batch, data: data.map((bytes) => new Uint8Array(bytes)) } : batch
}

const PREFETCH = 2
const PREFETCH_MOST = 256

/** @throws ActiveStorageError `invalid-argument` */
export const wrapIterable = <Item>(
  source: Iterable<Item> | AsyncIterable<Item>,
  context: LoadContext,
  { prefetch = PREFETCH }: WrapOptions = {},
): WrappedIterable<Item> => {
  if (!Number.isSafeInteger(prefetch) || prefetch < 0 || prefetch > PREFETCH_MOST)
    throw failure('invalid-argument', `prefetch ${prefetch}: use a whole number from 0 to ${PREFETCH_MOST}`)
  const take = prefetch === 0 ? looseOf : (item: unknown, index: number) => copied(looseOf(item, index))
  const staging = createStaging(context)
  let epochs = 0
  const staged = <Out>(stages: readonly LooseStage[], seed: number): WrappedIterable<Out> => ({
    map: (pipeline, key = {}) => {
      const spec = isOps(pipeline) ? { ops: pipeline } : pipeline
      checkPipeline(spec)
      return staged([...stages, { map: spec }], key.seed ?? seed)
    },
    forward: (model, input) => staged([...stages, { forward: modelOf(context, model, input) }], seed),
    async *[Symbol.asyncIterator]() {
      const epoch = epochs++
      if (stages.length === 0) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without stages Out is Item: what comes in goes out untouched
        yield* source as unknown as Iterable<Out> | AsyncIterable<Out>
        return
      }
      yield* mapAhead(source, prefetch, async (item, index, signal) => {
        const batch = take(item, index)
        const data = await staging.run(stages, batch, { seed, epoch }, signal)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- with stages Out is the Batch that the last one makes
        return { ...batch, data, epoch, index } as unknown as Out
      })
    },
  })
  return staged<Item>([], 0)
}
