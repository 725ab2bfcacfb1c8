import { failure } from '../../core/errors.ts'

/** The key of `metadata_props` under which the exporter helper (python/active_storage_export.py) writes its list. */
export const DECLARED = 'active_storage.tensors'
const MOST_BYTES = 16 * 1024 * 1024

/** What the exporter helper says of one initializer. */
export interface DeclaredTensor {
  readonly kind: 'parameter' | 'buffer' | 'constant'
  /** False: the framework does not train it (`requires_grad=False`). */
  readonly trained: boolean
  /** The row of an embedding's table that gets no gradient. */
  readonly paddingIdx?: number
  /** Other names of the framework's for it: weights that are tied. */
  readonly shared?: readonly string[]
}
export interface Declared {
  /** By name of the initializer. What is not named is a constant. */
  readonly tensors: ReadonlyMap<string, DeclaredTensor>
  /** Modules of the framework's model: the file has as many nodes of the kind. */
  readonly dropouts: readonly string[]
  readonly batchNorms: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)

const malformed = (what: string, cause?: unknown) =>
  failure('bad-model', `the model's metadata "${DECLARED}" ${what}: export the model again with active_storage_export.py, or remove the entry`, cause) // prettier-ignore

const tensorOf = (name: string, fields: unknown): DeclaredTensor => {
  const of = `says of "${name.slice(0, 100)}"`
  if (!isObject(fields)) throw malformed(`${of} something that is no object`)
  const { kind, trained = true, paddingIdx, shared: names = [] } = fields
  if (kind !== 'parameter' && kind !== 'buffer' && kind !== 'constant')
    throw malformed(`${of} the kind ${JSON.stringify(kind)?.slice(0, 50) ?? 'none'}, where parameter, buffer and constant are known`)
  if (typeof trained !== 'boolean') throw malformed(`${of} a \`trained\` that is no boolean`)
  if (!isList(names) || !names.every(isText)) throw malformed(`${of} a \`shared\` that is no list of names`)
  const shared = names.length > 0 ? { shared: names } : {}
  if (paddingIdx === undefined || paddingIdx === null) return { kind, trained, ...shared }
  if (typeof paddingIdx !== 'number' || !Number.isSafeInteger(paddingIdx) || paddingIdx < 0)
    throw malformed(`${of} a \`paddingIdx\` that is no whole number from 0`)
  return { kind, trained, paddingIdx, ...shared }
}

const dropoutOf = (entry: unknown): string => {
  if (isObject(entry) && isText(entry.module)) return entry.module
  throw malformed('has an entry in `dropouts` without a `module`')
}

/**
 * The list of the exporter helper; undefined where the file has none.
 * @throws ActiveStorageError `bad-model` naming the key
 */
export const declaredOf = (metadata: ReadonlyMap<string, string> | undefined): Declared | undefined => {
  const text = metadata?.get(DECLARED)
  if (text === undefined) return undefined
  if (text.length > MOST_BYTES || Buffer.byteLength(text) > MOST_BYTES) throw malformed(`takes more than ${MOST_BYTES} bytes`)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw malformed('is no JSON', error)
  }
  if (!isObject(parsed) || parsed.version !== 1) throw malformed('is not of version 1')
  const { tensors, dropouts = [], batchNorms = [] } = parsed
  if (!isObject(tensors)) throw malformed('has no `tensors`')
  if (!isList(dropouts)) throw malformed('has `dropouts` that are no list')
  if (!isList(batchNorms) || !batchNorms.every(isText)) throw malformed('has `batchNorms` that are no list of names')
  return {
    tensors: new Map(Object.entries(tensors).map(([name, fields]) => [name, tensorOf(name, fields)])),
    dropouts: dropouts.map(dropoutOf),
    batchNorms,
  }
}
