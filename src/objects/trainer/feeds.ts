import type { BatchData } from '../../core/batch.ts'
import { failure } from '../../core/errors.ts'
import type { Feeds } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import type { Loss } from '../../training/loss.ts'
import type { Label } from '../dataset/sample.ts'
import type { TrainerSpec } from './spec.ts'

/** What makes feeds of batches. */
export interface FeedRule {
  /** The model's input that takes a batch of one tensor. */
  readonly input: string
  readonly losses: readonly Loss[]
  /** Names of the classes that labels are, in the order of their numbers; empty where labels are numbers. */
  readonly classes: readonly string[]
}

export const lossesOf = ({ loss }: Pick<TrainerSpec, 'loss'>): readonly Loss[] => [loss].flat()

/** The input that takes a batch of one tensor. @throws `invalid-argument` */
export const inputOf = (names: readonly string[], wanted: string | undefined): string => {
  const input = wanted ?? names[0] ?? ''
  if (names.includes(input)) return input
  throw failure('invalid-argument', `the model has no input "${input}"; it has ${names.join(', ')}`)
}

/** What is said of the samples of a batch. */
export interface Labelled {
  readonly id: string
  readonly label?: Label
}

/** A batch as a model in training takes it: tensors by name, and labels as targets of the losses that have none yet. */
export const feedsOf = (data: BatchData, samples: readonly Labelled[], rule: FeedRule): Feeds => {
  const feeds: Record<string, Tensor> = data instanceof Tensor ? { [rule.input]: data } : { ...data }
  for (const loss of rule.losses) {
    const name = loss.target ?? 'labels'
    if (Object.hasOwn(feeds, name)) continue
    const missing = samples.find(({ label }) => label === undefined)
    if (missing !== undefined)
      throw failure(
        'bad-sample',
        `sample "${missing.id}" has no label, which the loss takes for "${name}": put the data set with labels (put dataset --labels class), leave such samples out, or let the pipeline give "${name}"`,
      )
    feeds[name] = loss.kind === 'cross-entropy' ? classNumbers(samples, rule.classes) : numbers(samples, name)
  }
  return feeds
}

const classNumbers = (samples: readonly Labelled[], classes: readonly string[]): Tensor => {
  const found = BigInt64Array.from(samples, ({ id, label }) => {
    const index = typeof label === 'number' ? label : classes.indexOf(String(label))
    if (Number.isSafeInteger(index) && !(typeof label === 'string' && index < 0)) return BigInt(index)
    throw failure(
      'bad-sample',
      `sample "${id}": label ${JSON.stringify(label)} is no class: correct it, or leave the sample out; classes are whole numbers${classes.length === 0 ? '' : `, or ${classes.slice(0, 20).join(', ')}`}`,
    )
  })
  return new Tensor('int64', found, [samples.length])
}

const numbers = (samples: readonly Labelled[], name: string): Tensor => {
  const found = Float32Array.from(samples, ({ id, label }) => {
    if (typeof label === 'number') return label
    throw failure(
      'bad-sample',
      `sample "${id}": label ${JSON.stringify(label)} is no number, which the loss takes for "${name}": correct it, or leave the sample out`,
    )
  })
  return new Tensor('float32', found, [samples.length, 1])
}
