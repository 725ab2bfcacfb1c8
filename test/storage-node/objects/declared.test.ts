import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentRef } from '../../../src/core/content.ts'
import { defineObject, type JsonSchema, type ObjectType } from '../../../src/core/define.ts'
import { type Code, isActiveStorageError } from '../../../src/core/errors.ts'
import { ObjectRef } from '../../../src/core/object-ref.ts'
import * as s from '../../../src/core/schema.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { registerType } from '../../../src/storage-node/objects/declared.ts'

const refused = (work: () => unknown, code: Code, says: RegExp | string) => {
  assert.throws(work, (error) => {
    assert.ok(isActiveStorageError(error, code), String(error))
    assert.ok(typeof says === 'string' ? error.text === says : says.test(error.message), error.message)
    assert.ok(!error.message.includes('\n'), 'one line')
    return true
  })
}
/** A type whose state is held against this schema. */
const holding = (schema: JsonSchema, state: unknown = {}): ObjectType => defineObject({ name: 'held', state: () => state, schema })
const fits = (schema: JsonSchema, state: unknown): boolean => {
  try {
    registerType(holding(schema, state))
    return true
  } catch (error) {
    assert.ok(isActiveStorageError(error, 'invalid-argument'), String(error))
    return false
  }
}

const values: Readonly<Record<s.Instance, unknown>> = {
  Tensor: new Tensor('uint8', new Uint8Array(2), [2]),
  Uint8Array: new Uint8Array(3),
  Date: new Date(0),
  ContentRef: new ContentRef('0'.repeat(64), 0, 'edge'),
  ObjectRef: new ObjectRef('album', 'main', 'edge'),
  bigint: 5n,
  number: Number.NaN,
}

test('a new object must satisfy its own schema', () => {
  const { object, integer } = s
  registerType(holding(object({ count: integer() }), { count: 1 }))
  refused(
    () => registerType(holding(object({ count: integer() }), { count: 1.5 })),
    'invalid-argument',
    'object type "held": a new object does not satisfy the type\'s own schema: state.count is 1.5, and must be a whole number',
  )
  refused(() => registerType(holding(object({ count: integer() }), {})), 'invalid-argument', /"held".*state\.count is missing/)
})

test('a field that the schema does not declare is refused, in a new object and at every commit', () => {
  const open = { type: 'object', properties: { count: { type: 'integer' } } }
  refused(
    () => registerType(holding(open, { count: 1, cuont: 2 })),
    'invalid-argument',
    /"held".*state\.cuont is not declared; did you mean `count`\?/,
  )
  const declared = registerType(holding(open, { count: 1 }))
  declared.checkState({ count: 2 })
  refused(
    () => declared.checkState({ count: 1, other: 2 }),
    'invalid-argument',
    /of "held" left.*state\.other is not declared.*nothing was changed/,
  )
})

test('the root of a schema is closed however it is put together, unless it says otherwise', () => {
  const a = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] }
  const b = { type: 'object', properties: { b: { type: 'integer' } }, required: ['b'] }
  const closed: readonly JsonSchema[] = [
    { properties: a.properties },
    { anyOf: [a, b] },
    { oneOf: [a, b] },
    { allOf: [a] },
    { $ref: '#/$defs/a', $defs: { a } },
    { if: a, else: false },
    { properties: { c: true }, anyOf: [a, b] },
  ]
  for (const schema of closed) {
    assert.ok(fits(schema, { a: 1 }), JSON.stringify(schema))
    assert.ok(!fits(schema, { a: 1, z: 1 }), JSON.stringify(schema))
  }
  assert.ok(!fits({}, { a: 1 }))
  for (const schema of [
    { ...a, additionalProperties: true },
    { ...a, additionalProperties: { type: 'integer' } },
    { allOf: [a], unevaluatedProperties: true },
  ])
    assert.ok(fits(schema, { a: 1, z: 1 }), JSON.stringify(schema))
  assert.ok(fits({ type: 'array' }, [1]))
  assert.ok(fits(s.nullable(s.tensor()), values.Tensor))
  assert.ok(fits(s.tensor(), values.Tensor))
})

test('each instance lets through its own values and no others', () => {
  for (const wanted of s.instances)
    for (const given of s.instances)
      assert.equal(fits(s.object({ held: { instance: wanted } }), { held: values[given] }), wanted === given, `${wanted} given ${given}`)
  assert.ok(!fits(s.object({ held: s.number() }), { held: Number.NaN }), 'a number of JSON is finite')
  assert.ok(!fits(s.object({ held: s.integer() }), { held: Number.POSITIVE_INFINITY }))
})

test('`type: object` is a plain object, never a tensor, bytes, a date or a reference', () => {
  for (const schema of [
    { type: 'object' },
    { type: ['object', 'null'] },
    s.record(s.value()),
    s.object({}, { additionalProperties: true }),
    s.nullable({ type: 'object' }),
  ]) {
    assert.ok(fits(s.object({ held: schema }), { held: { a: 1 } }))
    assert.ok(fits(s.object({ held: schema }), { held: Object.assign(Object.create(null) as object, { a: 1 }) }))
    for (const each of [values.Tensor, values.Uint8Array, values.Date, values.ContentRef, values.ObjectRef, [], new Map()])
      assert.ok(!fits(s.object({ held: s.list(schema) }), { held: [each] }), `${JSON.stringify(schema)} given ${String(each)}`)
  }
})

test('names that every object inherits are fields like others, and undefined is left out', () => {
  const schema = s.object({ constructor: s.optional(s.integer()), toString: s.optional(s.integer()), count: s.optional(s.integer()) })
  assert.ok(fits(schema, {}))
  assert.ok(fits(schema, { constructor: 1, count: undefined }))
  assert.ok(!fits(s.object({ valueOf: s.integer() }), {}))
})

test('a schema that is none is refused when the type is taken on', () => {
  for (const schema of [
    { type: 'objekt' },
    { type: 'object', propertys: {} },
    { properties: { a: { instance: 'Map' } } },
    { $ref: '#/$defs/none' },
    { default: 5n },
  ])
    refused(
      () => registerType(holding(schema)),
      'invalid-argument',
      /^\[invalid-argument\] the schema of object type "held" is not valid: /,
    )
})

test('two types may give their schemas the same $id', () => {
  for (const name of ['first', 'second'])
    registerType(defineObject({ name, state: () => ({}), schema: { $id: 'https://example.com/state', type: 'object' } }))
})

const album = defineObject({
  name: 'album',
  movable: {
    tag: (_self, key: string, options: { at?: number; names?: readonly string[] } = {}) => `${key}${options.at}`,
    free: (_self, ...args: readonly s.TypeOf<ReturnType<typeof s.value>>[]) => args,
    none: () => null,
    either: (_self, one: string | number | readonly string[]) => one,
    pair: (_self, first: number, second?: number, third?: string) => [first, second, third],
  },
  arguments: {
    tag: [
      s.string({ minLength: 1, maxLength: 5 }),
      s.optional(s.object({ at: s.optional(s.integer({ minimum: 0, maximum: 9 })), names: s.optional(s.list(s.string())) })),
    ],
    none: [],
    either: [s.union([s.string({ minLength: 2 }), s.integer(), s.list(s.string())])],
    pair: [s.number({ exclusiveMinimum: 0 }), s.optional(s.number()), s.optional(s.string({ pattern: '^a' }))],
  },
  results: { tag: s.string(), none: s.nothing() },
})
const declared = registerType(album)

test('arguments that fit are let through, and trailing optional ones may be left out', () => {
  declared.checkArguments('tag', ['a'])
  declared.checkArguments('tag', ['a', undefined])
  declared.checkArguments('tag', ['a', { at: 3, names: ['b'] }, undefined])
  declared.checkArguments('none', [])
  declared.checkArguments('pair', [1, undefined, 'abc'])
  declared.checkArguments('free', [new Map()])
})

test('an argument that does not fit is refused: method, place, what it is, and what it may be', () => {
  const cases: readonly (readonly [string, readonly unknown[], string])[] = [
    ['tag', [], 'album.tag: arguments[0] is missing, and must be a string of 1 to 5 characters'],
    ['tag', [5], 'album.tag: arguments[0] is 5, and must be a string of 1 to 5 characters'],
    ['tag', ['abcdef'], 'album.tag: arguments[0] is "abcdef", and must be a string of 1 to 5 characters'],
    ['tag', ['a', null], 'album.tag: arguments[1] is null, and must be a plain object with at?, names?'],
    ['tag', ['a', { at: 10 }], 'album.tag: arguments[1].at is 10, and must be a whole number from 0 to 9'],
    ['tag', ['a', { names: ['b', 1n] }], 'album.tag: arguments[1].names[1] is the bigint 1, and must be a string'],
    ['tag', ['a', { nmaes: [] }], 'album.tag: arguments[1].nmaes is not declared; did you mean `names`?'],
    ['tag', ['a', values.Tensor], 'album.tag: arguments[1] is a Tensor, and must be a plain object with at?, names?'],
    ['tag', ['a', { 'x y\n': 1 }], 'album.tag: arguments[1]["x y\\n"] is not declared; known here: `at`, `names`'],
    ['tag', ['a', {}, 1], 'album.tag takes 2 arguments at the most, and was given 3'],
    ['either', ['a'], 'album.either: arguments[0] is "a", and must be a string of at least 2 characters or a whole number or a list'],
    ['either', [['a', 1]], 'album.either: arguments[0][1] is 1, and must be a string'],
    ['none', [1], 'album.none takes no arguments, and was given 1'],
    ['pair', [0], 'album.pair: arguments[0] is 0, and must be a number above 0'],
    ['pair', [1, [2]], 'album.pair: arguments[1] is a list of 1 item, and must be a number'],
    ['pair', [1, 2, 'b'], 'album.pair: arguments[2] is "b", and must be a string that fits ^a'],
    ['pair', ['x'.repeat(500)], `album.pair: arguments[0] is "${'x'.repeat(59)}…, and must be a number above 0`],
  ]
  for (const [method, args, says] of cases) refused(() => declared.checkArguments(method, args), 'invalid-argument', says)
})

test('the first wrong item ends the check, however many follow', () => {
  const many = Array.from({ length: 200_000 }, () => 1)
  refused(() => declared.checkArguments('tag', ['a', { names: many }]), 'invalid-argument', /names\[0\] is 1, and must be a string$/)
})

test('a result can be checked too', () => {
  declared.checkResult('tag', 'x')
  declared.checkResult('free', new Map())
  refused(
    () => declared.checkResult('tag', 1),
    'method-threw',
    'album.tag gave what its declaration refuses: result is 1, and must be a string',
  )
})

test('a type describes itself in plain data', () => {
  assert.deepEqual(declared.describe(), {
    type: 'album',
    version: 1,
    methods: {
      tag: { kind: 'movable', stream: false, arguments: album.entries.get('tag')?.arguments, result: { type: 'string' } },
      free: { kind: 'movable', stream: false },
      none: { kind: 'movable', stream: false, arguments: [], result: { type: 'null' } },
      either: { kind: 'movable', stream: false, arguments: album.entries.get('either')?.arguments },
      pair: { kind: 'movable', stream: false, arguments: album.entries.get('pair')?.arguments },
    },
  })
  const { state } = registerType(holding({ type: 'object', properties: { a: { type: 'integer' } } })).describe()
  assert.deepEqual(state, { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: false })
})

const migrating = (migrate?: (state: unknown, from: number) => unknown) => {
  const definition = { name: 'm', version: 3, state: () => ({ total: 0 }), schema: s.object({ total: s.integer() }) }
  return registerType(defineObject(migrate === undefined ? definition : { ...definition, migrate: migrate as () => { total: number } }))
}

test('a state of an older version goes through migrate, and is held against the schema', () => {
  const seen: unknown[] = []
  const type = migrating((state, from) => {
    seen.push([state, from])
    return { total: from }
  })
  assert.deepEqual(type.migrate({ count: 7 }, 1), { total: 1 })
  assert.deepEqual(seen, [[{ count: 7 }, 1]])
  assert.deepEqual(type.migrate({ total: 7 }, 3), { total: 7 })
  assert.equal(seen.length, 1, 'a state of this version is left alone')
  assert.deepEqual(migrating().migrate({ total: 7 }, 2), { total: 7 }, 'without migrate, what fits is taken as it is')
})

test('a state that cannot be had is declaration-changed, never half a state', () => {
  refused(
    () => migrating().migrate({ count: 7 }, 1),
    'declaration-changed',
    /"m": version 3 cannot read a state of version 1: state\.total is missing.*add a migrate/,
  )
  refused(
    () => migrating(() => ({ total: '7' })).migrate({}, 2),
    'declaration-changed',
    /its migrate made of a state of version 2.*state\.total is "7"/,
  )
  refused(() => migrating(() => ({ total: 7, more: 1 })).migrate({}, 2), 'declaration-changed', /state\.more is not declared/)
  const broken = migrating(() => {
    throw new RangeError('no idea')
  })
  refused(() => broken.migrate({}, 2), 'declaration-changed', /its migrate threw on a state of version 2: no idea/)
  refused(
    () => migrating((state) => state).migrate({ total: 1 }, 4),
    'declaration-changed',
    /version 4 wrote this object, and this host has version 3: run a build/,
  )
})

test('a type is compiled once, and an unused method not at all', () => {
  assert.equal(registerType(album), declared)
  const odd = registerType(
    defineObject({
      name: 'odd',
      movable: { tag: (_self, _key: string) => null },
      arguments: { tag: [s.typed<string>({ type: 'strnig' })] },
    }),
  )
  refused(() => odd.checkArguments('tag', ['a']), 'invalid-argument', /the schema of argument 0 of odd\.tag is not valid/)
})
