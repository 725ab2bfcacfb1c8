import { createHash } from 'node:crypto'
import { failure } from '../../core/errors.ts'
import { boolean, integer, nullable, object, oneOf, string, type TypeOf } from '../../core/schema.ts'
import { EPOCHS } from '../../core/random.ts'
import type { Sample } from '../dataset/sample.ts'
import type { PlanOptions } from './plan.ts'

const whole = integer({ minimum: 0 })
const hash = string({ pattern: '^[0-9a-f]{64}$' })

/** What a loader's state is: plain JSON, small, and all that the remaining batches follow from. */
export const loaderState = object({
  version: oneOf([1]),
  /** Null before the first batch: then nothing is known of what is loaded. */
  source: nullable(
    object({
      /** The data set's name, its version when it was listed, and the hash of its samples: ids, content and labels. */
      dataset: string(),
      datasetVersion: whole,
      samples: hash,
      count: whole,
      pipeline: hash,
      model: nullable(string()),
    }),
  ),
  seed: whole,
  batchSize: integer({ minimum: 1 }),
  shuffle: boolean(),
  dropLast: boolean(),
  epoch: whole,
  /** The batch that comes next. */
  next: whole,
})
export type LoaderState = TypeOf<typeof loaderState>
export type LoaderSource = NonNullable<LoaderState['source']>

/** One hash over what a data set's samples are, in their order. */
export const hashSamples = (samples: readonly Sample[]): string => {
  const all = createHash('sha256')
  for (const { id, content, part, row, label } of samples)
    all.update(`${JSON.stringify([id, content.hash, part?.offset ?? null, part?.bytes ?? null, row ?? null, label ?? null])}\n`)
  return all.digest('hex')
}

const refuse = (what: string) => failure('invalid-argument', `the loader cannot resume: ${what}`)

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 4096

const checkSource = (source: unknown): LoaderSource | null => {
  if (source === null) return null
  if (
    typeof source !== 'object' ||
    source === undefined ||
    !(
      'dataset' in source &&
      'datasetVersion' in source &&
      'samples' in source &&
      'count' in source &&
      'pipeline' in source &&
      'model' in source
    )
  )
    throw refuse('its state does not say what was loaded: give what state() gave')
  const { dataset, datasetVersion, samples, count, pipeline, model } = source
  if (
    !isText(dataset) ||
    !isWhole(datasetVersion) ||
    !isText(samples) ||
    !isWhole(count) ||
    !isText(pipeline) ||
    !(model === null || isText(model))
  )
    throw refuse('its state does not say what was loaded: give what state() gave')
  return { dataset, datasetVersion, samples, count, pipeline, model }
}

/** The options of a plan with their defaults, as a state has them. */
export const planOf = ({ seed = 0, batchSize, shuffle = false, dropLast = false }: PlanOptions) => ({ seed, batchSize, shuffle, dropLast })

/**
 * Holds a state that comes from outside against the options of the loader that is to go on from it.
 * @throws `invalid-argument` naming what differs
 */
export const checkState = (state: unknown, options: PlanOptions): LoaderState => {
  if (
    typeof state !== 'object' ||
    state === null ||
    !('version' in state) ||
    !('source' in state) ||
    !('epoch' in state) ||
    !('next' in state)
  )
    throw refuse('this is no state of a loader: give what state() gave')
  if (state.version !== 1) throw refuse(`its state has version ${String(state.version)}, this build reads version 1`)
  if (!isWhole(state.epoch) || !isWhole(state.next) || state.epoch >= EPOCHS) throw refuse('epoch and next are whole numbers from 0')
  const plan = planOf(options)
  const given: Readonly<Record<string, unknown>> = { ...state }
  for (const [name, value] of Object.entries(plan))
    if (given[name] !== value)
      throw refuse(`${name} was ${String(given[name])} and is ${String(value)}: give the loader the options that it had`)
  return { version: 1, source: checkSource(state.source), ...plan, epoch: state.epoch, next: state.next }
}

/** @throws `invalid-argument` naming what is no longer the same */
export const checkSameSource = (before: LoaderSource, now: LoaderSource): void => {
  if (before.samples !== now.samples)
    throw refuse(
      `data set "${before.dataset}" had ${before.count} samples at version ${before.datasetVersion}; "${now.dataset}" has ${now.count} at version ${now.datasetVersion}, and they are others: begin an epoch anew, or restore the data set`,
    )
  if (before.pipeline !== now.pipeline)
    throw refuse(`the pipeline was ${before.pipeline.slice(0, 16)} and is ${now.pipeline.slice(0, 16)}: give it the ops that it had`)
  if (before.model !== now.model)
    throw refuse(
      `the model was ${before.model?.slice(0, 16) ?? 'none'} and is ${now.model?.slice(0, 16) ?? 'none'}: give it the model that it had`,
    )
}
