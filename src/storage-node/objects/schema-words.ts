import type { ErrorObject } from 'ajv'
import { didYouMean } from '../../core/nearest.ts'
import type { JsonSchema } from '../../core/schema.ts'
import { isSchema, typesOf } from './schema-walk.ts'

/** Messages stay one line of a bearable length, whatever stood in the value. */
const LONGEST = 60
const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)
const quoted = (value: unknown): string => cut(String(JSON.stringify(value)))
const counted = (count: unknown, word: string): string => `${quoted(count)} ${word}${count === 1 ? '' : 's'}`

const instanceWords: Readonly<Record<string, string>> = { bigint: 'a bigint', number: 'a number' }
const typeWords: Readonly<Record<string, string>> = {
  string: 'a string',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
  array: 'a list',
  object: 'a plain object',
}

const range = (schema: JsonSchema): string => {
  const bounds: readonly (readonly [string, unknown])[] = [
    ['from', schema['minimum']],
    ['above', schema['exclusiveMinimum']],
    ['to', schema['maximum']],
    ['below', schema['exclusiveMaximum']],
    ['that is a multiple of', schema['multipleOf']],
  ]
  return bounds.map(([word, bound]) => (bound === undefined ? '' : ` ${word} ${quoted(bound)}`)).join('')
}
const size = (least: unknown, most: unknown, word: string): string => {
  if (least === undefined && most === undefined) return ''
  if (least === most) return ` of ${counted(least, word)}`
  if (most === undefined) return ` of at least ${counted(least, word)}`
  return ` of ${least === undefined ? 'at most ' : `${quoted(least)} to `}${counted(most, word)}`
}
const fields = (schema: JsonSchema): string => {
  const names = Object.keys(isSchema(schema['properties']) ? schema['properties'] : {})
  if (names.length === 0) return ''
  const required = new Set<unknown>(Array.isArray(schema['required']) ? schema['required'] : [])
  return ` with ${cut(names.map((name) => (required.has(name) ? name : `${name}?`)).join(', '))}`
}
const ofType = (type: unknown, schema: JsonSchema): string => {
  const word = typeWords[String(type)] ?? String(type)
  switch (type) {
    case 'string': {
      const { pattern } = schema
      return `${word}${size(schema['minLength'], schema['maxLength'], 'character')}${typeof pattern === 'string' ? ` that fits ${cut(pattern)}` : ''}`
    }
    case 'integer':
    case 'number':
      return `${word}${range(schema)}`
    case 'array':
      return `${word}${size(schema['minItems'], schema['maxItems'], 'item')}${schema['uniqueItems'] === true ? ' that all differ' : ''}`
    case 'object':
      return `${word}${fields(schema)}`
    default:
      return word
  }
}
const either = (words: readonly string[]): string => [...new Set(words)].join(' or ')

/** What a schema lets through, in a few words. */
export const allowedBy = (schema: unknown): string => {
  if (!isSchema(schema)) return schema === false ? 'left out' : 'anything'
  const { instance, enum: values, anyOf, oneOf } = schema
  if (typeof instance === 'string') return instanceWords[instance] ?? `a ${instance}`
  if ('const' in schema) return quoted(schema['const'])
  if (Array.isArray(values)) return `${values.length > 1 ? 'one of ' : ''}${values.map(quoted).join(', ')}`
  const branches: unknown = anyOf ?? oneOf
  if (Array.isArray(branches)) return either(branches.map(allowedBy))
  const named = typesOf(schema)
  if (named !== undefined) return either(named.map((type) => ofType(type, schema)))
  return Object.keys(schema).length === 0 ? 'anything' : `what fits ${quoted(schema)}`
}

const shown = (value: unknown): string => {
  if (value === undefined) return 'missing'
  if (typeof value === 'bigint') return `the bigint ${cut(String(value))}`
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'object' || value === null) return quoted(value)
  if (Array.isArray(value)) return `a list of ${counted(value.length, 'item')}`
  const name = Object.prototype.toString.call(value).slice(8, -1)
  const made: unknown = value.constructor
  return name === 'Object' ? (typeof made === 'function' && made !== Object ? `a ${made.name}` : 'an object') : `a ${name}`
}

const step = (part: string): string =>
  /^\d+$/.test(part) ? `[${part}]` : /^[A-Za-z_$][\w$]*$/.test(part) ? `.${cut(part)}` : `[${quoted(part)}]`
const placeOf = (root: string, pointer: string): string =>
  root +
  pointer
    .split('/')
    .slice(1)
    .map((part) => step(part.replaceAll('~1', '/').replaceAll('~0', '~')))
    .join('')

/** Keywords whose meaning `allowedBy` puts into words. */
const WORDED = new Set([
  ...['type', 'instance', 'plain', 'enum', 'const', 'anyOf', 'oneOf', 'pattern', 'minLength', 'maxLength', 'uniqueItems'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minItems', 'maxItems'],
])

/**
 * What failed in the branches of a choice comes before the choice itself, which says more: unless a branch failed
 * further in, and so is the one that was meant.
 */
const toTell = (errors: readonly ErrorObject[]): ErrorObject | undefined => {
  const last = errors.at(-1)
  if (last?.keyword !== 'anyOf' && last?.keyword !== 'oneOf') return last
  const deepest = Math.max(...errors.map(({ instancePath }) => instancePath.length))
  return deepest === last.instancePath.length ? last : errors.findLast(({ instancePath }) => instancePath.length === deepest)
}

/** One sentence on what is wrong: where, what stands there, and what may. */
export const explained = (root: string, errors: readonly ErrorObject[]): string => {
  const error = toTell(errors)
  if (error === undefined) return `${root} is wrong`
  const at = placeOf(root, error.instancePath)
  const parent: JsonSchema = error.parentSchema ?? {}
  const properties: JsonSchema = isSchema(parent['properties']) ? parent['properties'] : {}
  const extra: unknown = error.params['additionalProperty'] ?? error.params['unevaluatedProperty']
  if (typeof extra === 'string') return `${at}${step(extra)} is not declared${didYouMean(extra, Object.keys(properties))}`
  if (error.keyword === 'required') {
    const name = String(error.params['missingProperty'])
    return `${at}${step(name)} is missing, and must be ${allowedBy(properties[name] ?? true)}`
  }
  if (WORDED.has(error.keyword)) return `${at} is ${shown(error.data)}, and must be ${allowedBy(parent)}`
  return `${at} ${error.message ?? 'is wrong'}`
}
