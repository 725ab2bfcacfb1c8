import type { JsonSchema } from '../../core/schema.ts'

// Where a schema holds further ones, by draft 2020-12.
const SINGLE = new Set([
  ...['additionalProperties', 'unevaluatedProperties', 'propertyNames', 'items', 'unevaluatedItems', 'contains'],
  ...['not', 'if', 'then', 'else', 'contentSchema'],
])
const LISTS = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const MAPS = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'])

export const isSchema = (thing: unknown): thing is JsonSchema => typeof thing === 'object' && thing !== null && !Array.isArray(thing)

/** The schema with `change` applied to it and to all schemas within, the innermost first. Truth values stay. */
export const mapSchemas = (schema: JsonSchema, change: (schema: JsonSchema) => JsonSchema): JsonSchema => {
  const inner = (thing: unknown): unknown => (isSchema(thing) ? mapSchemas(thing, change) : thing)
  const part = ([keyword, held]: [string, unknown]): [string, unknown] => {
    if (SINGLE.has(keyword)) return [keyword, inner(held)]
    if (LISTS.has(keyword) && Array.isArray(held)) return [keyword, held.map(inner)]
    if (MAPS.has(keyword) && isSchema(held))
      return [keyword, Object.fromEntries(Object.entries(held).map(([key, one]) => [key, inner(one)]))]
    return [keyword, held]
  }
  return change(Object.fromEntries(Object.entries(schema).map(part)))
}

/** The types of JSON that a schema names; undefined where it names none. */
export const typesOf = ({ type }: JsonSchema): readonly unknown[] | undefined =>
  type === undefined ? undefined : Array.isArray(type) ? type : [type]

const COMPOSED = ['$ref', '$dynamicRef', 'allOf', 'if', 'then', 'else', 'dependentSchemas']

/** The schema of a state, whose fields are those that it names: a field more is refused, unless the schema says otherwise. */
export const closed = (schema: JsonSchema): JsonSchema => {
  const says = (...keywords: readonly string[]) => keywords.some((keyword) => keyword in schema)
  if (says('additionalProperties', 'unevaluatedProperties', 'instance')) return schema
  if (says(...COMPOSED)) return { ...schema, unevaluatedProperties: false }
  if (says('anyOf', 'oneOf') && !says('properties', 'patternProperties')) {
    const each = (held: unknown): unknown => (Array.isArray(held) ? held.map((one: unknown) => (isSchema(one) ? closed(one) : one)) : held)
    return { ...schema, ...(says('anyOf') && { anyOf: each(schema['anyOf']) }), ...(says('oneOf') && { oneOf: each(schema['oneOf']) }) }
  }
  if (says('anyOf', 'oneOf')) return { ...schema, unevaluatedProperties: false }
  return typesOf(schema)?.includes('object') === false ? schema : { ...schema, additionalProperties: false }
}
