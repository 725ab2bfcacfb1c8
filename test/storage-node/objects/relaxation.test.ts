import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { defineObject, type JsonSchema } from '../../../src/core/define.ts'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import * as s from '../../../src/core/schema.ts'
import { registerType } from '../../../src/storage-node/objects/declared.ts'
import { canonical, differences, relaxes } from '../../../src/storage-node/objects/relaxation.ts'
import { closed, isSchema } from '../../../src/storage-node/objects/schema-walk.ts'

const relaxed = (before: JsonSchema, after: JsonSchema) => relaxes(canonical(closed(before)), canonical(closed(after)))

const one = s.object({ a: s.integer({ minimum: 1, maximum: 5 }), b: s.optional(s.string({ maxLength: 3 })) })
const field = (schema: s.Schema) => s.object({ a: schema })

const accepted: Readonly<Record<string, readonly [JsonSchema, JsonSchema]>> = {
  'nothing at all': [one, one],
  'notes for people': [one, { ...one, title: 'One', description: 'of them', $comment: 'x', examples: [{ a: 1 }], default: {} }],
  'notes within a choice': [field(s.union([s.string(), s.integer()])), field(s.union([s.string({ title: 'x' }), s.integer()]))],
  'another order of fields, required names and listed values': [
    { type: 'object', properties: { a: { enum: [1, 2] }, b: {} }, required: ['a', 'b'] },
    { required: ['b', 'a'], properties: { b: {}, a: { enum: [2, 1] } }, type: ['object'] },
  ],
  'a constant written as a list of one': [field({ const: 'x' }), field({ enum: ['x'] })],
  'wider bounds': [field(s.integer({ minimum: 1, maximum: 5 })), field(s.integer({ minimum: 0, maximum: 6 }))],
  'bounds left out': [field(s.string({ minLength: 1, pattern: '^a' })), field(s.string())],
  'whole numbers to any': [field(s.integer()), field(s.number())],
  'one more type': [field({ type: 'string' }), field({ type: ['string', 'null'] })],
  'one more listed value': [field(s.oneOf(['a'])), field(s.oneOf(['a', 'b']))],
  'listed texts to any text': [field(s.oneOf(['a', 'b'])), field(s.string())],
  'a new field that may be left out': [field(s.integer()), s.object({ a: s.integer(), b: s.optional(s.string()) })],
  'a field that may now be left out': [field(s.integer()), s.object({ a: s.optional(s.integer()) })],
  'one more choice': [field(s.union([s.string(), s.integer()])), field(s.union([s.string(), s.integer(), s.bytes()]))],
  'a choice where there was none': [field(s.string()), field(s.nullable(s.string()))],
  'a choice that becomes one wider type': [field(s.union([s.integer(), s.oneOf(['a'])])), field({ type: ['number', 'string'] })],
  'anything at all': [field(s.tensor()), field(s.value())],
  'items of a list': [field(s.list(s.integer())), field(s.list(s.number()))],
  'values of a record': [field(s.record(s.oneOf([1]))), field(s.record(s.integer()))],
  'fields deep within': [
    field(s.list(one)),
    field(s.list(s.object({ a: s.integer(), b: s.optional(s.string()), c: s.optional(s.date()) }))),
  ],
}
for (const [what, [before, after]] of Object.entries(accepted))
  test(`needs no migration: ${what}`, () => {
    assert.ok(relaxed(before, after))
    assert.equal(relaxed(after, before), canonicalText(before) === canonicalText(after), 'and back only where both say the same')
  })
const canonicalText = (schema: JsonSchema) => JSON.stringify(canonical(closed(schema)))

const rejected: Readonly<Record<string, readonly [JsonSchema, JsonSchema]>> = {
  'a new field that must be there': [field(s.integer()), s.object({ a: s.integer(), b: s.string() })],
  'a field that is gone': [one, field(s.integer())],
  'a field of another name': [field(s.integer()), s.object({ b: s.integer() })],
  'a field of another type': [field(s.integer()), field(s.string())],
  'narrower bounds': [field(s.integer({ minimum: 0 })), field(s.integer({ minimum: 1 }))],
  'a new bound': [field(s.string()), field(s.string({ maxLength: 9 }))],
  'a listed value less': [field(s.oneOf(['a', 'b'])), field(s.oneOf(['a']))],
  'a choice less': [field(s.union([s.string(), s.integer()])), field(s.string())],
  'another instance': [field(s.tensor()), field(s.bytes())],
  'an instance that becomes a plain object': [field({ instance: 'Tensor', type: 'object' }), field({ type: 'object' })],
  'a field with a schema where any had been let through': [
    { type: 'object', additionalProperties: true },
    { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: true },
  ],
  'a root that is closed': [{ type: 'object', additionalProperties: true }, { type: 'object' }],
  'a wider definition, which only an equal schema may refer to': [
    { $ref: '#/$defs/a', $defs: { a: { properties: { x: { type: 'integer' } } } } },
    { $ref: '#/$defs/a', $defs: { a: { properties: { x: { type: 'number' } } } } },
  ],
  'fields that a pattern names': [
    { patternProperties: { '^a': { type: 'integer' } } },
    { patternProperties: { '^a': { type: 'number' } } },
  ],
  'a condition added': [field(s.integer()), field({ type: 'integer', not: { const: 5 } })],
  'an item of its own that joins the rest': [
    field({ type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }], items: { type: 'integer' } }),
    field({ type: 'array', prefixItems: [{ type: 'integer' }], items: { type: 'integer' } }),
  ],
  'what is meant by a reference': [
    s.object({ a: s.optional(s.integer()), b: s.optional({ not: { $ref: '#/properties/a' } }) }),
    s.object({ a: s.optional(s.number()), b: s.optional({ not: { $ref: '#/properties/a' } }) }),
  ],
  'a field that a pattern had named': [
    { patternProperties: { '^a': { type: 'integer' } } },
    { patternProperties: { '^a': { type: 'integer' } }, properties: { ab: { type: 'string' } } },
  ],
  'a condition left out': [field({ not: { type: 'string' } }), field({ type: 'integer' })],
}
for (const [what, [before, after]] of Object.entries(rejected)) test(`needs a migration: ${what}`, () => assert.ok(!relaxed(before, after)))

test('the fields that differ are named', () => {
  const before = s.object({ a: s.integer(), b: s.string(), c: s.optional(s.string()), d: s.string() })
  const after = s.object({ a: s.integer(), b: s.date(), c: s.string(), e: s.string(), f: s.string() })
  assert.equal(differences(canonical(before), canonical(after)), 'added "e", "f"; removed "d"; changed "b"; now required "c"')
  assert.equal(
    differences({ type: 'array' }, { type: 'object', additionalProperties: false }),
    'changed type; changed additionalProperties',
  )
})

/** Says of values whether they satisfy a schema, compiled once. */
const holding = (schema: JsonSchema) => {
  const type = defineObject({ name: 'held', movable: { take: (_self, state: unknown) => state }, arguments: { take: [schema] } })
  const declared = registerType(type)
  return (state: unknown): boolean => {
    try {
      declared.checkArguments('take', [state])
      return true
    } catch (error) {
      if (isActiveStorageError(error, 'invalid-argument') && error.text.startsWith('held.take: arguments[0]')) return false
      throw error
    }
  }
}

const small = fc.integer({ min: -1, max: 4 })
const word = fc.constantFrom('', 'a', 'ab', 'abc')
const scalar = fc.oneof(small, word, fc.constantFrom(null, true, 1.5))
const value: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    { weight: 3, arbitrary: scalar },
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
  ),
})).value

const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const schemaOf = (parts: Readonly<Record<string, unknown>>): JsonSchema =>
  Object.fromEntries(Object.entries(parts).filter(([, held]) => held !== undefined))
const schema: fc.Arbitrary<JsonSchema> = fc.letrec<{ schema: JsonSchema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small' },
    fc.record({ type: fc.constantFrom('integer', 'number'), minimum: some(small), maximum: some(small) }).map(schemaOf),
    fc
      .record({ type: fc.constant('string'), minLength: some(fc.nat(2)), maxLength: some(fc.nat(4)), pattern: some(fc.constant('^a')) })
      .map(schemaOf),
    fc.record({ type: fc.subarray(['string', 'integer', 'null', 'object', 'array'], { minLength: 1 }) }),
    fc.record({ enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }) }),
    fc
      .record({ type: fc.constant('array'), items: some(tie('schema')), minItems: some(fc.nat(2)), maxItems: some(fc.nat(3)) })
      .map(schemaOf),
    fc
      .record({
        type: fc.constant('array'),
        prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        items: some(tie('schema')),
      })
      .map(schemaOf),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
    fc
      .record({
        type: some(fc.constant('object')),
        properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema'), { maxKeys: 3 }),
        required: some(fc.subarray(['a', 'b', 'c'])),
        additionalProperties: some(fc.oneof(fc.boolean(), tie('schema'))),
      })
      .map(schemaOf),
    fc.constant({}),
  ),
})).schema

/** The same schema with one small thing changed somewhere in it. */
const edited = (before: JsonSchema, pick: (count: number) => number, other: JsonSchema): JsonSchema => {
  const keywords = Object.keys(before)
  const keyword = keywords[pick(keywords.length + 2)]
  if (keyword === undefined) return pick(2) === 0 ? other : { anyOf: [before, other] }
  const held = before[keyword]
  const without = Object.fromEntries(Object.entries(before).filter(([name]) => name !== keyword))
  const within = (part: unknown): unknown => (isSchema(part) ? edited(part, pick, other) : part)
  if (typeof held === 'number') return { ...before, [keyword]: Math.max(keyword.endsWith('imum') ? -9 : 0, held + pick(3) - 1) }
  if (typeof held === 'boolean' || typeof held === 'string')
    return pick(2) === 0 ? without : { ...before, [keyword]: typeof held === 'boolean' ? !held : held }
  if (keyword === 'properties' && isSchema(held)) {
    const name = ['a', 'b', 'c'][pick(3)] ?? 'a'
    return { ...before, properties: { ...held, [name]: within(held[name] ?? other) } }
  }
  if (isSchema(held)) return pick(4) === 0 ? without : { ...before, [keyword]: within(held) }
  if (!Array.isArray(held)) return without
  const items: readonly unknown[] = held
  const at = pick(items.length + 1)
  if (keyword === 'required' || keyword === 'type') {
    const shorter = items.filter((_, index) => index !== at)
    return keyword === 'type' && shorter.length === 0 ? without : { ...before, [keyword]: shorter }
  }
  const extra: unknown = keyword === 'enum' ? 'new' : other
  return {
    ...before,
    [keyword]: at === items.length ? [...items, extra] : items.map((item, index) => (index === at ? within(item) : item)),
  }
}

test('whatever satisfied a schema satisfies one that is said to relax it', () => {
  let told = 0
  fc.assert(
    fc.property(
      schema,
      schema,
      fc.infiniteStream(fc.nat(1000)),
      fc.array(value, { minLength: 12, maxLength: 12 }),
      (before, other, stream, tries) => {
        const pick = (count: number) => Number(stream.next().value) % count
        const after = edited(before, pick, other)
        const [old, present] = [field(before), field(after)]
        if (!relaxed(old, present)) return
        if (canonicalText(old) !== canonicalText(present)) told++
        const [held, holds] = [holding(old), holding(present)]
        for (const a of tries) if (held({ a })) assert.ok(holds({ a }), JSON.stringify(a))
      },
    ),
    { numRuns: 600 },
  )
  assert.ok(told > 40, `of the changes ${told} were let through: too few to prove anything`)
})

test('a canonical schema lets through what the schema did', () => {
  fc.assert(
    fc.property(schema, fc.array(value, { minLength: 8, maxLength: 8 }), (given, tries) => {
      const [plain, reduced] = [field(given), canonical(field({ description: 'x', ...given }))]
      const [before, after] = [holding(plain), holding(reduced)]
      for (const a of tries) assert.equal(after({ a }), before({ a }), JSON.stringify(a))
      assert.deepEqual(canonical(reduced), reduced)
    }),
    { numRuns: 200 },
  )
})
