import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineObject } from '../../src/core/define.ts'
import { integer, object, optional, string } from '../../src/core/schema.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'

const refused = (error: unknown) => isActiveStorageError(error, 'invalid-argument')
// What the types rule out, as plain JavaScript would call it.
const untyped = defineObject as unknown as (definition: object) => unknown

test('the section a method stands in is its kind, and an async generator is a stream', () => {
  const type = defineObject({
    name: 'photos',
    version: 3,
    state: () => ({ served: 0 }),
    schema: object({ served: integer() }),
    methods: { tag() {} },
    readonly: { async served() {} },
    sessions: { async *run() {} },
    movable: {
      async embed() {},
      async *batches() {
        yield 1
      },
      *plain() {
        yield 1
      },
    },
  })
  assert.equal(type.name, 'photos')
  assert.equal(type.version, 3)
  assert.deepEqual(type.initial?.(), { served: 0 })
  assert.deepEqual(
    [...type.entries].map(([name, { kind, stream }]) => [name, kind, stream]),
    [
      ['tag', 'stateful', false],
      ['served', 'readonly', false],
      ['run', 'session', true],
      ['embed', 'movable', false],
      ['batches', 'movable', true],
      ['plain', 'movable', false],
    ],
  )
  assert.ok(Object.isFrozen(type))
})

test('what is left out has its default', () => {
  const type = defineObject({ name: 'empty' })
  assert.equal(type.version, 1)
  assert.equal(type.initial, undefined)
  assert.equal(type.entries.size, 0)
})

test('a method may stand in one section only', () => {
  assert.throws(() => defineObject({ name: 'twice', methods: { a() {} }, movable: { a() {} } }), /"a" stands in two sections/)
})

test('a name that a stub cannot carry safely is refused', () => {
  const inherited = Object.getOwnPropertyNames(Object.prototype)
  for (const name of ['then', 'toJSON', 'prototype', '', '_a', 'a-b', '1a', 'a b', 'x'.repeat(65), ...inherited])
    for (const section of ['methods', 'readonly', 'sessions', 'movable'])
      assert.throws(() => untyped({ name: 'bad', [section]: Object.fromEntries([[name, () => {}]]) }), refused, name)
})

test('arguments and results stand with their methods', () => {
  const type = defineObject({
    name: 'photos',
    movable: { tag: (_self, key: string, label?: string) => `${key} ${label}`, free() {} },
    arguments: { tag: [string(), optional(string({ maxLength: 9 }))] },
    results: { tag: string() },
  })
  assert.deepEqual(type.entries.get('tag')?.arguments, [
    { schema: { type: 'string' }, optional: false },
    { schema: { type: 'string', maxLength: 9 }, optional: true },
  ])
  assert.deepEqual(type.entries.get('tag')?.result, { type: 'string' })
  assert.equal(type.entries.get('free')?.arguments, undefined)
})

test('what cannot be held to is refused at once', () => {
  const movable = { tag() {} }
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ state: () => ({ count: 0 }) }, /odd: it has state and no schema: say/],
    [{ schema: object({}) }, /odd: it has a schema or a migration and no state/],
    [{ migrate: () => ({}) }, /odd: it has a schema or a migration and no state/],
    [{ movable, arguments: { tga: [] } }, /odd: arguments or results of "tga", which is no method/],
    [{ movable, results: { tga: string() } }, /odd: arguments or results of "tga", which is no method/],
    [{ movable, arguments: { tag: [optional(string()), string()] } }, /odd: tag: argument 1 must be optional/],
  ]
  for (const [more, says] of cases) {
    assert.throws(() => untyped({ name: 'odd', ...more }), says)
    assert.throws(() => untyped({ name: 'odd', ...more }), refused)
  }
})

test('a bad type name, version or method is refused', () => {
  for (const name of ['', 'a/b', 'é']) assert.throws(() => defineObject({ name }), refused)
  for (const version of [0, -1, 1.5, Number.NaN]) assert.throws(() => defineObject({ name: 'a', version }), refused)
  assert.throws(() => untyped({ name: 'a', methods: { run: 7 } }), /"run" is not a function/)
})
