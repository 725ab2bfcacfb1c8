import type { ErrorObject } from 'ajv'
import { didYouMean, hint } from '../core/nearest.ts'
import { notEnforced, policySchema } from './schema.ts'
import { conditionMeant, fractionMeant, numberMeant } from './slips.ts'
import { pointerPart, type Source } from './source.ts'

export const quoted = (value: unknown): string => {
  if (typeof value === 'string') return `"${value.slice(0, 80)}"`
  return typeof value === 'number' ? String(value) : String(JSON.stringify(value)).slice(0, 80)
}
const unenforced = (word: string): string => `this version does not enforce \`${word}\`, and ignoring it would be worse; remove it`

/** The value at a JSON pointer of data that came out of YAML. */
const valueAt = (data: unknown, pointer: string): unknown => {
  let value = data
  for (const part of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.getOwnPropertyDescriptor(value, part.replaceAll('~1', '/').replaceAll('~0', '~'))?.value
  }
  return value
}

const words: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'a word',
  number: 'a number',
  integer: 'a whole number',
}

const described = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a mapping' : `the ${typeof value} ${quoted(value)}`
}

/** What was probably meant by a value of the wrong type. */
const meant = (value: unknown, wanted: readonly string[], path: string): string => {
  const key = path.slice(path.lastIndexOf('/') + 1)
  if (/\/when\/[^/]+$/.test(path)) return conditionMeant(value)
  if (wanted.includes('array')) return typeof value === 'object' && value !== null ? '; begin each item with "- "' : ''
  if (wanted.includes('object')) return typeof value === 'string' && value.includes(':') ? '; is there a space after the colon?' : ''
  if (wanted.includes('number') || wanted.includes('integer')) return typeof value === 'string' ? numberMeant(value, key) : ''
  return typeof value === 'number' || typeof value === 'boolean' ? `; in quotes it is one: "${value}"` : ''
}

// ajv hands out its parameters as a bare record; the keyword says which of them are there.
const textParam = ({ params }: ErrorObject, name: string): string => String(params[name])

// Without `verbose` ajv leaves the parent schema out; it is found again by its own path.
const namesBeside = (error: ErrorObject): readonly string[] => {
  const parent = error.schemaPath.replace(/^#/, '').replace(/\/[^/]*$/, '')
  const schema = valueAt(policySchema, `${parent}/properties`)
  return Object.keys(typeof schema === 'object' && schema !== null ? schema : {})
}

const note = (source: Source, error: ErrorObject): undefined => {
  const { keyword, instancePath: path } = error
  const value = valueAt(source.data, path)
  // What could not be read is noted already.
  if (value === undefined) return undefined
  switch (keyword) {
    case 'additionalProperties': {
      const key = textParam(error, 'additionalProperty')
      const where = `${path}/${pointerPart(key)}`
      if (notEnforced[path]?.includes(key) === true) return source.mistake(where, unenforced(key), 'key')
      const kind = path.endsWith('/when') ? 'signal' : 'key'
      return source.mistake(where, `unknown ${kind} ${quoted(key)}${didYouMean(key, namesBeside(error))}`, 'key')
    }
    case 'enum': {
      const word = typeof value === 'string' ? value : quoted(value)
      if (notEnforced[path]?.includes(word) === true) return source.mistake(path, unenforced(word))
      const allowed: unknown = error.params['allowedValues']
      const known = Array.isArray(allowed) ? allowed.map(String) : []
      return source.mistake(path, `${quoted(value)} is not one of ${known.join(', ')}${known.includes(word) ? '' : hint(word, known)}`)
    }
    case 'const':
      return source.mistake(
        path,
        `version ${quoted(value)} is not known; this version reads version 1${value === '1' ? ', without quotes' : ''}`,
      )
    case 'required':
      return source.mistake(path, `\`${textParam(error, 'missingProperty')}\` is missing`)
    case 'type': {
      const wanted = [error.params['type']].flat().map(String)
      const named = wanted.map((type) => words[type] ?? type).join(' or ')
      return source.mistake(path, `${described(value)} stands where ${named} is wanted${meant(value, wanted, path)}`)
    }
    case 'minProperties':
      return source.mistake(
        path,
        path.endsWith('/match') ? '`match` needs `type`, `method` or both' : 'a condition needs `above`, `below` or both',
      )
    default: {
      const most: unknown = keyword === 'maximum' ? error.params['limit'] : undefined
      const fraction = typeof value === 'number' && typeof most === 'number' ? fractionMeant(value, most) : ''
      return source.mistake(path, `${quoted(value)} ${error.message ?? 'is not acceptable'}${fraction}`)
    }
  }
}

/** Notes what a schema's errors say, each at its place and in words. */
export const noteSchemaErrors = (source: Source, errors: readonly ErrorObject[]): void => {
  // A mistyped key is also a missing one: the typo is the better thing to say.
  const unknownIn = new Set(errors.filter(({ keyword }) => keyword === 'additionalProperties').map(({ instancePath }) => instancePath))
  // What is of the wrong type is also none of the words of a list: for a text or number the list is the better thing to say.
  const listed = new Set(errors.filter(({ keyword }) => keyword === 'enum').map(({ instancePath }) => instancePath))
  for (const error of errors) {
    const { keyword, instancePath: path } = error
    const nested = typeof valueAt(source.data, path) === 'object'
    if (keyword === 'required' && unknownIn.has(path)) continue
    if (listed.has(path) && (nested ? keyword === 'enum' : keyword === 'type')) continue
    note(source, error)
  }
}
