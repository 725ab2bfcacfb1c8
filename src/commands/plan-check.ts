import { isActiveStorageError } from '../core/errors.ts'
import { hint } from '../core/nearest.ts'
import type { JsonSchema } from '../core/schema.ts'
import { checkPipeline } from '../objects/pipeline/spec.ts'
import { numberMeant } from '../policy/slips.ts'
import { pointerPart, type Source } from '../policy/source.ts'

type Mapping = Readonly<Record<string, unknown>>
export const isMapping = (value: unknown): value is Mapping => typeof value === 'object' && value !== null && !Array.isArray(value)

const quoted = (value: unknown): string =>
  typeof value === 'string'
    ? `"${value.slice(0, 80)}"`
    : typeof value === 'number'
      ? String(value)
      : String(JSON.stringify(value)).slice(0, 80)
const described = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'a mapping' : quoted(value)
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
  array: 'a list',
  object: 'a mapping',
}

const isOf = (type: unknown, value: unknown): boolean => {
  switch (type) {
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'array':
      return Array.isArray(value)
    case 'object':
      return isMapping(value)
    case 'null':
      return value === null
    default:
      return typeof value === type
  }
}

/** The schemas of a choice, those of choices within it among them, but for what a file cannot hold. */
const branchesOf = (schema: unknown): readonly Mapping[] => {
  if (!isMapping(schema) || 'instance' in schema) return []
  const { anyOf } = schema
  return Array.isArray(anyOf) ? anyOf.flatMap(branchesOf) : [schema]
}
const enumOf = (schema: unknown): readonly unknown[] => {
  const held = isMapping(schema) ? schema['enum'] : undefined
  return Array.isArray(held) ? held : []
}
const propertiesOf = (schema: Mapping): Mapping => (isMapping(schema['properties']) ? schema['properties'] : {})
const kindsOf = (schema: Mapping): readonly unknown[] => enumOf(propertiesOf(schema)['kind'])

/** What was probably meant by a value of the wrong type. */
const meant = (types: readonly unknown[], value: unknown, key: string): string => {
  if (typeof value !== 'string') return ''
  if (types.includes('boolean')) {
    if (/^(yes|on|true|y)$/i.test(value)) return '; write true'
    if (/^(no|off|false|n)$/i.test(value)) return '; write false'
  }
  return types.includes('number') || types.includes('integer') ? numberMeant(value, key) : ''
}

/** Holds what a file says against schemas, and notes every mistake at its place. */
export const noteAgainst = (source: Source, schema: JsonSchema, data: unknown, pointer: string): void => {
  const key = pointer.slice(pointer.lastIndexOf('/') + 1)

  const object = (one: Mapping, value: Mapping, at: string) => {
    const properties = propertiesOf(one)
    const names = Object.keys(properties)
    const strange = one['additionalProperties'] === false ? Object.keys(value).filter((name) => !names.includes(name)) : []
    for (const name of strange)
      source.mistake(
        `${at}/${pointerPart(name)}`,
        `unknown key ${quoted(name)}${hint(name, names)}; known here: ${names.join(', ')}`,
        'key',
      )
    const required: readonly unknown[] = Array.isArray(one['required']) ? one['required'] : []
    // A mistyped key is also a missing one: the typo is the better thing to say.
    const missing = required.filter(
      (name) => !Object.hasOwn(value, String(name)) && !strange.some((typo) => hint(typo, [String(name)]) !== ''),
    )
    for (const name of missing) source.mistake(at, `\`${String(name)}\` is missing; known here: ${names.join(', ')}`)
    for (const [name, held] of Object.entries(value)) {
      const inner = properties[name]
      if (Object.hasOwn(properties, name) && isMapping(inner)) noteAgainst(source, inner, held, `${at}/${pointerPart(name)}`)
    }
  }
  const list = (one: Mapping, value: readonly unknown[], at: string) => {
    const [least, most] = [Number(one['minItems'] ?? 0), Number(one['maxItems'] ?? Infinity)]
    if (value.length < least || value.length > most)
      source.mistake(at, `the list has ${value.length} items; ${value.length < least ? `the least is ${least}` : `the most is ${most}`}`)
    const { items } = one
    if (isMapping(items)) for (const [index, item] of value.entries()) noteAgainst(source, items, item, `${at}/${index}`)
  }
  const number = (one: Mapping, value: number, at: string) => {
    const wrong = [
      [one['minimum'], (bound: number) => value < bound, 'the least is'],
      [one['maximum'], (bound: number) => value > bound, 'the most is'],
      [one['exclusiveMinimum'], (bound: number) => value <= bound, 'it must be above'],
      [one['exclusiveMaximum'], (bound: number) => value >= bound, 'it must be below'],
    ] as const
    for (const [bound, beyond, words] of wrong)
      if (typeof bound === 'number' && beyond(bound)) source.mistake(at, `${value} is out of bounds: ${words} ${bound}`)
  }

  const branches = branchesOf(schema)
  if (branches.length === 0) return
  const fitting = branches.filter((one) => one['type'] === undefined || isOf(one['type'], data))
  if (fitting.length === 0) {
    const types = branches.map((one) => one['type'])
    const wanted = [...new Set(types.map((type) => typeWords[String(type)] ?? String(type)))].join(' or ')
    return source.mistake(pointer, `${described(data)} stands where ${wanted} is wanted${meant(types, data, key)}`)
  }
  let [one] = fitting
  const kinds = fitting.flatMap(kindsOf)
  if (kinds.length > 0 && isMapping(data)) {
    const { kind } = data
    one = fitting.find((each) => kindsOf(each).includes(kind))
    if (kind === undefined) {
      const typo = Object.keys(data).find((name) => hint(name, ['kind']) !== '')
      if (typo !== undefined)
        return source.mistake(`${pointer}/${pointerPart(typo)}`, `unknown key ${quoted(typo)}; did you mean \`kind\`?`, 'key')
      return source.mistake(pointer, `\`kind\` is missing: one of ${kinds.join(', ')}`)
    }
    if (one === undefined) {
      return source.mistake(
        `${pointer}/kind`,
        `${quoted(kind)} is not one of ${kinds.join(', ')}${typeof kind === 'string' ? hint(kind, kinds.map(String)) : ''}`,
      )
    }
  }
  if (one === undefined) return
  const choices = fitting.flatMap(enumOf)
  if (choices.length > 0 && !choices.includes(data))
    return source.mistake(pointer, `${quoted(data)} is not one of ${choices.join(', ')}${hint(String(data), choices.map(String))}`)
  if (isMapping(data)) object(one, data, pointer)
  else if (Array.isArray(data)) list(one, data, pointer)
  else if (typeof data === 'number') number(one, data, pointer)
}

/** A vocabulary that is to be made stands where words do: the data set checks what it asks for. */
const withoutRequests = (op: unknown): unknown =>
  isMapping(op) && op['op'] === 'tokenize' && isMapping(op['vocabulary']) ? { ...op, vocabulary: ['word'] } : op

interface OpMistake {
  /** The op, where it is the fault of one. */
  readonly index: number | undefined
  /** The field of the op. */
  readonly name: string | undefined
  readonly what: string
}

const mistakeOf = (ops: readonly unknown[]): OpMistake | undefined => {
  try {
    checkPipeline({ ops: ops.map(withoutRequests) })
    return undefined
  } catch (error) {
    if (!isActiveStorageError(error)) throw error
    const [, index, name, what = error.text] = /^pipeline ops\[(\d+)\](?:\.([\w-]+))?: (.*)$/s.exec(error.text) ?? []
    return { index: index === undefined ? undefined : Number(index), name, what }
  }
}

/** The first mistake, then those of the fields of later ops. Whether a later op stands in its place depends on the ops before it. */
const mistakesOf = function* (ops: readonly unknown[]): Generator<OpMistake> {
  const first = mistakeOf(ops)
  if (first === undefined) return
  yield first
  // A wrong first op does not say what samples are.
  if (first.index === undefined || first.index === 0) return
  for (let at = first.index + 1; at < ops.length; at++) {
    const op = ops[at]
    const own = mistakeOf([ops[0], op])
    const inside = own?.name === 'fit' && isMapping(op) && op['fit'] === 'inside'
    if (own?.index === 1 && own.name !== undefined && !inside) yield { ...own, index: at }
  }
}

/** Checks the ops of a pipeline as the node will, and notes the mistakes at their places. */
export const notePipeline = (source: Source, pipeline: unknown, pointer: string): void => {
  const ops = isMapping(pipeline) ? pipeline['ops'] : pipeline
  if (!Array.isArray(ops)) return
  for (const { index, name, what } of mistakesOf(ops)) {
    const op: unknown = index === undefined ? undefined : ops[index]
    const held = name !== undefined && isMapping(op) ? op[name] : undefined
    const root = isMapping(pipeline) ? `${pointer}/ops` : pointer
    const at = index === undefined ? pointer : `${root}/${index}${held === undefined ? '' : `/${name}`}`
    // The node's words speak of the place by name; here it is the line.
    const shown = name === undefined || held !== undefined ? what : `${name}: ${what}`
    // An unknown field is wrong by its name, the rest by its value.
    source.mistake(
      at,
      `${shown}${typeof held === 'string' && what.includes('number') ? numberMeant(held, name ?? '') : ''}`,
      what.includes('no such field') ? 'key' : 'value',
    )
  }
}
