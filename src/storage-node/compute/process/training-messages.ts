import { failure } from '../../../core/errors.ts'
import { Tensor } from '../../../core/tensor.ts'
import type { Value } from '../../../core/value.ts'
import { type PlainTensors, tensorOf } from '../plain.ts'
import { type TrainingAnswer, type TrainingAsk, trainingCodes, type TrainingData } from '../training-task.ts'

// Tensors travel as entries, since one may have any name; all else of these messages is plain data.
const TENSORS: ReadonlySet<string> = new Set(['feeds', 'tensors', 'statistics', 'state'])

const entriesOf = (tensors: PlainTensors): Value => Object.entries(tensors).map(([name, tensor]) => [name, tensorOf(tensor)])

const messageOf = (row: object): Value =>
  Object.fromEntries(
    Object.entries(row)
      .filter(([, value]) => value !== undefined)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the interfaces in training-task.ts hold tensors under these names
      .map(([key, value]) => [key, TENSORS.has(key) ? entriesOf(value as PlainTensors) : (value as Value)]),
  )

const broken = (what: string) => failure('malformed-message', what)
const tensorsOf = (entries: Value): PlainTensors => {
  if (!Array.isArray(entries)) throw broken('tensors that are no list')
  return Object.fromEntries(
    entries.map((entry: unknown) => {
      const [name, tensor]: unknown[] = Array.isArray(entry) ? entry : []
      if (typeof name !== 'string' || !(tensor instanceof Tensor)) throw broken('an entry that is no name and tensor')
      return [name, { dtype: tensor.dtype, data: tensor.data, shape: tensor.shape }]
    }),
  )
}
const rowOf = (message: Value): Record<string, unknown> => {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) throw broken('a message that is no object')
  return Object.fromEntries(
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object that the codec made holds Values
    Object.entries(message as Record<string, Value>).map(([key, value]) => [key, TENSORS.has(key) ? tensorsOf(value) : value]),
  )
}

export const trainingDataMessage = (data: TrainingData): Value => messageOf(data)
export const trainingAskMessage = (asked: TrainingAsk): Value => messageOf(asked)
export const trainingAnswerMessage = (answer: TrainingAnswer): Value => messageOf(answer)

/** What the host has sent, as it was: a process believes its host. */
export const trainingDataOf = (message: Value): TrainingData =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by `trainingDataMessage`
  rowOf(message) as unknown as TrainingData
export const trainingAskOf = (message: Value): TrainingAsk =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by `trainingAskMessage`
  rowOf(message) as unknown as TrainingAsk

const numbers = ['loss', 'correct', 'counted', 'norm', 'part'] as const

/**
 * The answer in a message, checked: the process may have been taken over.
 * @throws ActiveStorageError `malformed-message`
 */
export const trainingAnswerOf = (message: Value): TrainingAnswer => {
  const { failed, told, tensors } = rowOf(message)
  if (failed !== undefined) {
    const { code, text }: { code?: unknown; text?: unknown } = typeof failed === 'object' && failed !== null ? failed : {}
    const known = trainingCodes.find((each) => each === code)
    if (known === undefined || typeof text !== 'string') throw broken('an error of a code that no training has')
    return { failed: { code: known, text: text.slice(0, 8192) } }
  }
  const given: Record<string, unknown> = typeof told === 'object' && told !== null ? { ...told } : {}
  const checked = numbers.flatMap((name) => {
    const value = given[name]
    if (value === undefined) return []
    if (typeof value !== 'number') throw broken(`a "${name}" that is no number`)
    return [[name, value] as const]
  })
  return {
    ...(told !== undefined && { told: { loss: Number.NaN, ...Object.fromEntries(checked) } }),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by `tensorsOf`
    ...(tensors !== undefined && { tensors: tensors as PlainTensors }),
  }
}
