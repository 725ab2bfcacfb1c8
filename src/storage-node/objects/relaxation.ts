import type { JsonSchema } from '../../core/schema.ts'
import { isSchema, mapSchemas, typesOf } from './schema-walk.ts'

const ANNOTATIONS = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', '$comment', '$schema'],
  ...['contentEncoding', 'contentMediaType', 'contentSchema'],
])
/** Lists in which the order says nothing. */
const SETS = new Set(['required', 'enum', 'type'])

const text = (thing: unknown): string => JSON.stringify(thing) ?? 'undefined'
const sorted = (thing: unknown): unknown => {
  if (Array.isArray(thing)) return thing.map(sorted)
  if (!isSchema(thing)) return thing
  return Object.fromEntries(
    Object.entries(thing)
      .map(([key, value]) => [key, sorted(value)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** `const` says what a list of one says. */
const inEnum = (schema: JsonSchema): JsonSchema => {
  if (!('const' in schema) || 'enum' in schema) return schema
  const { const: only, ...rest } = schema
  return { ...rest, enum: [only] }
}
const reduced = (keyword: string, held: unknown): readonly [string, unknown] => {
  if (!SETS.has(keyword) || !Array.isArray(held)) return [keyword, held]
  const inOrder: readonly unknown[] = held.toSorted((a, b) => (text(a) < text(b) ? -1 : 1))
  return [keyword, keyword === 'type' && inOrder.length === 1 ? inOrder[0] : inOrder]
}
/** A schema reduced to what it lets through: without annotations, and in one order. Its JSON text is equal for equal schemas. */
export const canonical = (schema: JsonSchema): JsonSchema => {
  const bare = mapSchemas(schema, (one) =>
    Object.fromEntries(
      Object.entries(inEnum(one))
        .filter(([keyword, held]) => !ANNOTATIONS.has(keyword) && held !== undefined)
        .map(([keyword, held]) => reduced(keyword, held)),
    ),
  )
  const ordered = sorted(bare)
  return isSchema(ordered) ? ordered : {}
}

type Rule = (before: unknown, after: unknown) => boolean
const atMost: Rule = (before, after) => typeof before === 'number' && typeof after === 'number' && after <= before
const atLeast: Rule = (before, after) => typeof before === 'number' && typeof after === 'number' && after >= before
const listOf = (thing: unknown): readonly unknown[] => (Array.isArray(thing) ? thing : [])
const within = (some: readonly unknown[], all: readonly unknown[]) => {
  const texts = new Set(all.map(text))
  return some.every((one) => texts.has(text(one)))
}

/** Keywords that bound a value by themselves: each may be loosened as its rule says, or left out. */
const bounds: Readonly<Record<string, Rule>> = {
  minimum: atMost,
  exclusiveMinimum: atMost,
  minLength: atMost,
  minItems: atMost,
  minProperties: atMost,
  maximum: atLeast,
  exclusiveMaximum: atLeast,
  maxLength: atLeast,
  maxItems: atLeast,
  maxProperties: atLeast,
  enum: (before, after) => within(listOf(before), listOf(after)),
  required: (before, after) => within(listOf(after), listOf(before)),
  // May only be left out.
  multipleOf: () => false,
  pattern: () => false,
  uniqueItems: () => false,
  instance: () => false,
}
/** Keywords that hold schemas, compared by what they let through. */
const STRUCTURE = new Set(['type', 'properties', 'additionalProperties', 'items', 'prefixItems', 'anyOf'])

const isTrivial = (schema: unknown): boolean =>
  schema === true || schema === undefined || (isSchema(schema) && Object.keys(schema).length === 0)
const propertiesOf = (schema: JsonSchema): JsonSchema => (isSchema(schema['properties']) ? schema['properties'] : {})

const listedTypes = (values: unknown): readonly string[] | undefined =>
  Array.isArray(values) ? values.map((value: unknown) => (Array.isArray(value) ? 'array' : jsonType(value))) : undefined
const jsonType = (value: unknown): string =>
  value === null ? 'null' : typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value
const typesRelax = (before: JsonSchema, after: JsonSchema): boolean => {
  const wanted = typesOf(after)
  if (wanted === undefined) return true
  // What names an instance is held against that, and no longer against what JSON calls an object.
  if (before['instance'] !== after['instance']) return false
  const has = typesOf(before) ?? listedTypes(before['enum'])
  return has !== undefined && has.every((type) => wanted.includes(type) || (type === 'integer' && wanted.includes('number')))
}
const propertiesRelax = (before: JsonSchema, after: JsonSchema): boolean => {
  const [old, present] = [propertiesOf(before), propertiesOf(after)]
  const [oldRest, presentRest] = [before['additionalProperties'], after['additionalProperties']]
  // What a name was held against, and is now: its own schema, or that of the rest.
  const names = new Set([...Object.keys(old), ...Object.keys(present)])
  const schemaOf = (properties: JsonSchema, rest: unknown, name: string) => (Object.hasOwn(properties, name) ? properties[name] : rest)
  return (
    partRelaxes(oldRest, presentRest) &&
    [...names].every((name) => partRelaxes(schemaOf(old, oldRest, name), schemaOf(present, presentRest, name)))
  )
}
const itemsRelax = (before: JsonSchema, after: JsonSchema): boolean => {
  const [old, present] = [listOf(before['prefixItems']), listOf(after['prefixItems'])]
  const count = Math.max(old.length, present.length)
  const schemaAt = (prefix: readonly unknown[], rest: unknown, index: number) => (index < prefix.length ? prefix[index] : rest)
  return (
    partRelaxes(before['items'], after['items']) &&
    Array.from({ length: count }, (_, index) => index).every((index) =>
      partRelaxes(schemaAt(old, before['items'], index), schemaAt(present, after['items'], index)),
    )
  )
}
const choicesRelax = (before: JsonSchema, after: JsonSchema): boolean => {
  if (after['anyOf'] === undefined) return true
  const present = listOf(after['anyOf'])
  const { anyOf, ...rest } = before
  const old = anyOf === undefined ? [rest] : listOf(anyOf)
  return old.every((branch) => present.some((other) => partRelaxes(branch, other)))
}

/** Both sides as schemas or truth values; `undefined`, a schema that is not there, lets everything through. */
const partRelaxes = (before: unknown, after: unknown): boolean => {
  if (before === false || isTrivial(after)) return true
  if (text(before) === text(after)) return true
  if (after === false) return false
  return schemaRelaxes(isSchema(before) ? before : {}, isSchema(after) ? after : {})
}
const schemaRelaxes = (before: JsonSchema, after: JsonSchema): boolean => {
  const keywords = new Set([...Object.keys(before), ...Object.keys(after)])
  // A choice that becomes one schema: each of what it offered must fit that.
  if (
    Array.isArray(before['anyOf']) &&
    after['anyOf'] === undefined &&
    listOf(before['anyOf']).every((branch) => partRelaxes(branch, after))
  )
    return true
  for (const keyword of keywords) {
    if (STRUCTURE.has(keyword)) continue
    const [old, present] = [before[keyword], after[keyword]]
    if (text(old) === text(present)) continue
    const rule = Object.hasOwn(bounds, keyword) ? bounds[keyword] : undefined
    if (rule === undefined) return false
    if (present !== undefined && (old === undefined || !rule(old, present))) return false
  }
  return typesRelax(before, after) && propertiesRelax(before, after) && itemsRelax(before, after) && choicesRelax(before, after)
}

// These look at other parts of the schema, or at what those have seen: with one of them only an equal schema is sure. A
// keyword that has no rule may not be left out either, so it is enough to look at the later schema.
const FAR_SIGHTED = /"(\$ref|\$dynamicRef|\$id|\$anchor|\$dynamicAnchor|unevaluatedProperties|unevaluatedItems|patternProperties)":/

/**
 * True where every value that satisfied the canonical schema `before` satisfies `after` as well. Sure, not complete: it
 * knows bounds that are loosened or left out, more types or choices or listed values, fields that need no longer be
 * there, and new fields that may be left out where none had been allowed. Anything else needs a migration.
 */
export const relaxes = (before: JsonSchema, after: JsonSchema): boolean => {
  const [old, present] = [text(before), text(after)]
  return old === present || (!FAR_SIGHTED.test(present) && schemaRelaxes(before, after))
}

/** The fields at the root that were added, removed or changed, and whatever else differs, in a few words. */
export const differences = (before: JsonSchema, after: JsonSchema): string => {
  const [old, present] = [propertiesOf(before), propertiesOf(after)]
  const [needed, needs] = [listOf(before['required']), listOf(after['required'])]
  const names = (kept: readonly string[]) => kept.map((name) => `"${name}"`).join(', ')
  const shared = Object.keys(old).filter((name) => Object.hasOwn(present, name))
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['added', Object.keys(present).filter((name) => !Object.hasOwn(old, name))],
    ['removed', Object.keys(old).filter((name) => !Object.hasOwn(present, name))],
    ['changed', shared.filter((name) => text(old[name]) !== text(present[name]))],
    ['now required', shared.filter((name) => needs.includes(name) && !needed.includes(name))],
  ]
  const told = parts.filter(([, fields]) => fields.length > 0).map(([what, fields]) => `${what} ${names(fields)}`)
  const others = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((keyword) => keyword !== 'properties' && keyword !== 'required' && text(before[keyword]) !== text(after[keyword]))
    .map((keyword) => `changed ${keyword}`)
  return [...told, ...others].join('; ')
}
