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

/** A batch as a model in training takes it: tensors by name, and labels as targets of the losses that have none yet. */
export const feedsOf = (data: BatchData, labels: readonly (Label | undefined)[], rule: FeedRule): Feeds => {
  const feeds: Record<string, Tensor> = data instanceof Tensor ? { [rule.input]: data } : { ...data }
  for (const loss of rule.losses) {
    const name = loss.target ?? 'labels'
    if (Object.hasOwn(feeds, name)) continue
    const missing = labels.indexOf(undefined)
    if (missing >= 0)
      throw failure(
        'bad-sample',
        `sample ${missing} of a batch has no label, which the loss takes for "${name}": leave such samples out, or let the pipeline give "${name}"`,
      )
    feeds[name] = loss.kind === 'cross-entropy' ? classNumbers(labels, rule.classes) : numbers(labels, name)
  }
  return feeds
}

const classNumbers = (labels: readonly (Label | undefined)[], classes: readonly string[]): Tensor => {
  const found = BigInt64Array.from(labels, (label) => {
    const index = typeof label === 'number' ? label : classes.indexOf(String(label))
    if (Number.isSafeInteger(index) && !(typeof label === 'string' && index < 0)) return BigInt(index)
    throw failure(
      'bad-sample',
      `label ${JSON.stringify(label)} is no class: classes are whole numbers, or ${classes.slice(0, 20).join(', ')}`,
    )
  })
  return new Tensor('int64', found, [labels.length])
}

const numbers = (labels: readonly (Label | undefined)[], name: string): Tensor => {
  const found = Float32Array.from(labels, (label) => {
    if (typeof label === 'number') return label
    throw failure('bad-sample', `label ${JSON.stringify(label)} is no number, which the loss takes for "${name}"`)
  })
  return new Tensor('float32', found, [labels.length, 1])
}
