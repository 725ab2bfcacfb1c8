import { isDType } from '../../../core/dtype.ts'
import { failure } from '../../../core/errors.ts'
import type { ModelShape, TensorSpec } from '../../../core/self.ts'
import { Tensor } from '../../../core/tensor.ts'
import type { Value } from '../../../core/value.ts'
import { tensorOf } from '../plain.ts'
import { type Answer, failureCodes, type OpenBytes, type OpenModel, type PlainTensor, type Task, type TensorFile } from '../task.ts'

/** What a process answers that has not loaded a model whose bytes it was not sent. */
export const NEEDS_MODEL = 'needs-model'

type Row = { readonly [key: string]: Value }
const isRow = (value: Value): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array) && !(value instanceof Tensor)
const broken = (what: string) => failure('malformed-message', what)
const listOf = (value: Value): readonly Value[] => {
  if (!Array.isArray(value)) throw broken('something else where a list is due')
  return value as readonly Value[]
}
const rowOf = (value: Value): Row => {
  if (!isRow(value)) throw broken('something else where an object is due')
  return value
}
const textOf = (value: Value): string => {
  if (typeof value !== 'string') throw broken('something else where a text is due')
  return value
}
const numberOf = (value: Value): number => {
  if (typeof value !== 'number') throw broken('something else where a number is due')
  return value
}

const bytesOf = (source: OpenBytes): string | Uint8Array => (source instanceof SharedArrayBuffer ? new Uint8Array(source) : source)
const inMemory = ({ file, external }: OpenModel) => typeof file !== 'string' || external.some((part) => typeof part.file !== 'string')

const feedOf = (feed: PlainTensor | TensorFile): Value => {
  if (!('data' in feed)) return { dtype: feed.dtype, shape: feed.shape, bytes: bytesOf(feed.bytes) }
  return tensorOf(feed)
}

/** A task as a message. @param withModel sends a model that is held in memory; one that lies in files is always named */
export const messageOf = ({ hash, model, feeds, generation }: Task, withModel: boolean): Value => ({
  hash,
  generation,
  bytes: model.bytes,
  model:
    inMemory(model) && !withModel
      ? null
      : { file: bytesOf(model.file), external: model.external.map(({ location, file }) => ({ location, file: bytesOf(file) })) },
  // Entries: a tensor may have any name.
  feeds: feeds === undefined ? null : Object.entries(feeds).map(([name, feed]) => [name, feedOf(feed)]),
})

const sourceOf = (value: Value): string | Uint8Array => (value instanceof Uint8Array ? value : textOf(value))
const givenFeed = (value: Value): PlainTensor | TensorFile => {
  if (value instanceof Tensor) return { dtype: value.dtype, data: value.data, shape: value.shape }
  const { dtype, shape, bytes } = rowOf(value)
  const name = textOf(dtype)
  if (!isDType(name) || name === 'string') throw broken('an input by reference of a dtype that has no bytes')
  return { dtype: name, shape: listOf(shape).map(numberOf), bytes: sourceOf(bytes) }
}

/** What `messageOf` made a message of; the model is null where it was not sent. */
export const taskOf = (value: Value): Omit<Task, 'model'> & { readonly model: OpenModel | null } => {
  const { hash, generation, bytes, model, feeds } = rowOf(value)
  const files = model === null ? undefined : rowOf(model)
  return {
    hash: textOf(hash),
    generation: numberOf(generation),
    model:
      files === undefined
        ? null
        : {
            file: sourceOf(files['file']),
            external: listOf(files['external']).map((part) => ({ location: textOf(rowOf(part)['location']), file: sourceOf(rowOf(part)['file']) })), // prettier-ignore
            bytes: numberOf(bytes),
          },
    ...(feeds !== null && { feeds: entriesOf(feeds, givenFeed) }),
  }
}

const entriesOf = <T>(value: Value, of: (item: Value) => T): Record<string, T> =>
  Object.fromEntries(
    listOf(value).map((entry) => {
      const [name, item] = listOf(entry)
      return [textOf(name), of(item)]
    }),
  )

const specMessage = ({ name, dtype, shape }: TensorSpec): Value => ({ name, dtype, shape })

/** An answer as a message. */
export const answerMessage = (answer: Answer): Value => {
  if (answer.kind === 'shape') return { kind: 'shape', inputs: answer.shape.inputs.map(specMessage), outputs: answer.shape.outputs.map(specMessage) } // prettier-ignore
  if (answer.kind !== 'outputs') return answer
  return { kind: 'outputs', startedAt: answer.startedAt, outputs: Object.entries(answer.outputs).map(([name, tensor]) => [name, tensorOf(tensor)]) } // prettier-ignore
}

const specsOf = (value: Value): TensorSpec[] =>
  listOf(value).map((spec) => {
    const { name, dtype, shape } = rowOf(spec)
    return {
      name: textOf(name),
      dtype: textOf(dtype),
      shape: listOf(shape).map((side) => (typeof side === 'number' ? side : textOf(side))),
    }
  })
const outputOf = (value: Value): PlainTensor => {
  if (!(value instanceof Tensor)) throw broken('an output that is no tensor')
  return { dtype: value.dtype, data: value.data, shape: value.shape }
}

/**
 * The answer in a message, checked: the process may have been taken over.
 * @throws ActiveStorageError `malformed-message`
 */
export const answerOf = (value: Value): Answer | { readonly kind: typeof NEEDS_MODEL } => {
  const row = rowOf(value)
  switch (row['kind']) {
    case NEEDS_MODEL:
      return { kind: NEEDS_MODEL }
    case 'shape': {
      const shape: ModelShape = { inputs: specsOf(row['inputs']), outputs: specsOf(row['outputs']) }
      return { kind: 'shape', shape }
    }
    case 'outputs':
      return { kind: 'outputs', startedAt: numberOf(row['startedAt']), outputs: entriesOf(row['outputs'], outputOf) }
    case 'failed': {
      const code = failureCodes.find((known) => known === row['code'])
      if (code === undefined) throw broken('an error of a code that no process has')
      return { kind: 'failed', code, text: textOf(row['text']).slice(0, 8192) }
    }
    default:
      throw broken('an answer of no known kind')
  }
}
