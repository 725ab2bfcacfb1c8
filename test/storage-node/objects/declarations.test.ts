import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { defineObject, type JsonSchema, type ObjectType } from '../../../src/core/define.ts'
import { type Code, isActiveStorageError } from '../../../src/core/errors.ts'
import * as s from '../../../src/core/schema.ts'
import type { Value } from '../../../src/core/value.ts'
import { checkDeclarations, declarationKey } from '../../../src/storage-node/objects/declarations.ts'
import { type Declared, registerType } from '../../../src/storage-node/objects/declared.ts'
import { fromBytes, toBytes } from '../../../src/wire/stored.ts'
import { decodeRecord, encodeRecord, recordKey } from '../../../src/storage-node/objects/record.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { keyOf, type Store } from '../../../src/storage-node/store/store.ts'
import { temporaryFolder } from '../support.ts'

interface Build {
  readonly version?: number
  readonly schema?: JsonSchema
  readonly state?: Value
  readonly migrate?: (state: Value, from: number) => unknown
}
const build = ({ version = 1, schema, state, migrate }: Build): ObjectType =>
  defineObject({
    name: 'album',
    version,
    ...(schema !== undefined && { schema, state: () => state }),
    ...(migrate !== undefined && { migrate: (old: Value, from: number) => migrate(old, from) as Value }),
    methods: { touch() {} },
  })

/** What a host does: holds its types against the store, and writes and reads objects of them. */
const host = (store: Store, type: ObjectType) => {
  const declared: Declared = registerType(type)
  const declarations = checkDeclarations(store, [declared])
  return {
    declarations,
    async write(id: string, state: Value) {
      if (type.schema !== undefined) declared.checkState(state)
      const record = { version: 1, fence: 0, declared: type.version, space: 'space', state: toBytes(state) }
      await store.commit([{ key: recordKey(type.name, id), value: encodeRecord(record) }, ...declarations.pending(type.name)])
      declarations.recorded(type.name)
    },
    read(id: string): unknown {
      const record = decodeRecord(store.get(recordKey(type.name, id)) ?? Buffer.alloc(0), id)
      return declared.migrate(fromBytes(Buffer.from(record.state as Uint8Array)), record.declared)
    },
  }
}
const refused = (work: () => unknown, says: string | RegExp, code: Code = 'declaration-changed') =>
  assert.throws(work, (error) => {
    assert.ok(isActiveStorageError(error, code), String(error))
    assert.ok(typeof says === 'string' ? error.text === says : says.test(error.message), error.message)
    return true
  })

const first: Build = { schema: s.object({ count: s.integer() }), state: { count: 0 } }
const titled: Build = { schema: s.object({ count: s.integer(), title: s.string() }), state: { count: 0, title: '' } }
const migrate = (state: Value) => ({ ...(state as { count: number }), title: 'none' })
const wider: Build = { schema: s.object({ count: s.number(), note: s.optional(s.string()) }), state: { count: 0 } }

test('a declaration is recorded with the first object, and then no more', async () => {
  const store = memoryStore()
  const { declarations, write } = host(store, build(first))
  assert.equal(declarations.pending('album').length, 1)
  assert.equal(store.get(declarationKey('album')), undefined, 'starting writes nothing')
  await write('a', { count: 1 })
  assert.deepEqual(declarations.pending('album'), [])
  assert.deepEqual(JSON.parse(String(store.get(declarationKey('album')))), {
    versions: [
      {
        version: 1,
        schema: { type: 'object', properties: { count: { type: 'integer' } }, required: ['count'], additionalProperties: false },
      },
    ],
  })
  assert.deepEqual(host(store, build(first)).declarations.pending('album'), [])
})

test('another schema under the same version is refused, migrate or not', async () => {
  const store = memoryStore()
  await host(store, build(first)).write('a', { count: 1 })
  const says =
    'object type "album": the store holds objects of version 1, which had another schema (added "title"): raise the version to 2 and add a migrate that makes the new state of the old'
  refused(() => host(store, build(titled)), says)
  refused(() => host(store, build({ ...titled, migrate })), says)
})

test('another schema under a higher version needs a migrate', async () => {
  const store = memoryStore()
  await host(store, build(first)).write('a', { count: 1 })
  refused(
    () => host(store, build({ ...titled, version: 2 })),
    'object type "album": the store holds objects of version 1, whose state version 2 cannot read (added "title"): add a migrate that makes the new state of the old',
  )
  const second = host(store, build({ ...titled, version: 2, migrate }))
  assert.deepEqual(second.read('a'), { count: 1, title: 'none' })
})

test('a change that only relaxes needs neither, under the same version or a higher one', async () => {
  for (const version of [1, 2]) {
    const store = memoryStore()
    await host(store, build(first)).write('a', { count: 1 })
    const second = host(store, build({ ...wider, version }))
    assert.deepEqual(second.read('a'), { count: 1 })
    await second.write('b', { count: 1.5, note: 'x' })
    refused(() => host(store, build({ ...first, version })), /had another schema \(removed "note"; changed "count"\)/)
  }
})

test('notes for people change nothing', async () => {
  const store = memoryStore()
  await host(store, build(first)).write('a', { count: 1 })
  const noted = { ...first, schema: { ...first.schema, description: 'an album', title: 'Album' } }
  assert.deepEqual(host(store, build(noted)).declarations.pending('album'), [])
})

test('a build older than the objects is refused', async () => {
  const store = memoryStore()
  await host(store, build({ ...first, version: 3 })).write('a', { count: 1 })
  refused(
    () => host(store, build({ ...first, version: 2 })),
    'object type "album": the store holds objects of version 3, and this host has version 2: run a build that has version 3 or a later one',
  )
})

test('objects of every version that wrote some are thought of, not of the last alone', async () => {
  const store = memoryStore()
  await host(store, build(first)).write('old', { count: 1 })
  await host(store, build({ ...titled, version: 2, migrate })).write('new', { count: 1, title: 'x' })
  const third = { ...titled, version: 3 }
  refused(() => host(store, build(third)), /objects of version 1, whose state version 3 cannot read/)
  const { read } = host(store, build({ ...third, migrate: (state, from) => (from === 1 ? migrate(state) : state) }))
  assert.deepEqual(
    [read('old'), read('new')],
    [
      { count: 1, title: 'none' },
      { count: 1, title: 'x' },
    ],
  )
})

test('a build that has written nothing can be taken back', async () => {
  const store = memoryStore()
  await host(store, build(first)).write('a', { count: 1 })
  assert.deepEqual(host(store, build({ ...titled, version: 2, migrate })).read('a'), { count: 1, title: 'none' })
  assert.deepEqual(host(store, build(first)).read('a'), { count: 1 })
})

test('a commit that is lost loses the declaration with the object', async () => {
  const store = memoryStore()
  await host(store, build(first)).write('a', { count: 1 })
  const failing = host({ ...store, commit: () => Promise.reject(new Error('power')) }, build({ ...titled, version: 2, migrate }))
  await assert.rejects(failing.write('b', { count: 1, title: '' }))
  assert.equal(failing.declarations.pending('album').length, 1, 'the next one brings it again')
  assert.deepEqual(host(store, build(first)).read('a'), { count: 1 })
})

test('where no object is left, anything goes', async () => {
  const store = memoryStore()
  await host(store, build({ ...first, version: 5 })).write('a', { count: 1 })
  await store.commit([{ key: recordKey('album', 'a'), value: undefined }])
  await host(store, build(titled)).write('a', { count: 1, title: '' })
  refused(() => host(store, build(first)), /had another schema/)
})

test('types of the store that the host does not have are left alone', async () => {
  const store = memoryStore()
  await host(store, build({ ...first, version: 9 })).write('a', { count: 1 })
  const before = store.range('', { limit: 100 })
  const other = registerType(defineObject({ name: 'other', state: () => ({}), schema: s.object({}) }))
  assert.deepEqual(checkDeclarations(store, [other]).pending('album'), [])
  assert.deepEqual(store.range('', { limit: 100 }), before)
})

test('objects whose declaration was never recorded are held against it when they are read', async () => {
  const store = memoryStore()
  const { write } = host(store, build(first))
  await write('a', { count: 1 })
  await store.commit([{ key: declarationKey('album'), value: undefined }])
  const second = host(store, build({ ...titled, version: 2 }))
  refused(() => second.read('a'), /version 2 cannot read a state of version 1: state\.title is missing/)
})

test('a type that gains or loses its state says so', async () => {
  const store = memoryStore()
  await host(store, build({})).write('a', undefined)
  refused(() => host(store, build({ ...first, version: 2 })), /\(its objects had no state\): add a migrate/)
  assert.deepEqual(host(store, build({ ...first, version: 2, migrate: () => ({ count: 0 }) })).read('a'), { count: 0 })
  const other = memoryStore()
  await host(other, build(first)).write('a', { count: 1 })
  refused(() => host(other, build({ version: 2 })), /\(its objects had state\): give the type another name/)
})

test('a declaration that cannot be read is said to be so', async () => {
  const store = memoryStore()
  await host(store, build(first)).write('a', { count: 1 })
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"versions":[]}',
    '{"versions":[{"version":"1","schema":{}}]}',
    '{"versions":[{"version":1}]}',
  ]) {
    await store.commit([{ key: declarationKey('album'), value: Buffer.from(text) }])
    refused(() => host(store, build(first)), /declaration of object type "album" is not one.*verify/, 'storage-failed')
  }
})

test('a folder written by one version is opened by the next, with a migrate and not without', async (t) => {
  const folder = join(temporaryFolder(t), 'store')
  const opened = async <T>(work: (store: Store) => Promise<T>): Promise<T> => {
    const store = await lmdbStore(folder)
    try {
      return await work(store)
    } finally {
      await store.close()
    }
  }
  await opened((store) => host(store, build(first)).write('a', { count: 1 }))
  await opened(async (store) => refused(() => host(store, build({ ...titled, version: 2 })), /"album".*version 1.*added "title"/))
  await opened(async (store) => {
    const { read, write } = host(store, build({ ...titled, version: 2, migrate }))
    assert.deepEqual(read('a'), { count: 1, title: 'none' })
    await write('b', { count: 2, title: 'x' })
  })
  await opened(async (store) => {
    refused(() => host(store, build(first)), /holds objects of version 2, and this host has version 1/)
    const { read, declarations } = host(store, build({ ...titled, version: 2, migrate }))
    assert.deepEqual(
      [read('a'), read('b')],
      [
        { count: 1, title: 'none' },
        { count: 2, title: 'x' },
      ],
    )
    assert.deepEqual(declarations.pending('album'), [])
    assert.equal(store.range(keyOf('declaration'), { limit: 9 }).length, 1)
  })
})

/** Schemas of one field, each with states that satisfy it. */
const shapes: readonly (readonly [JsonSchema, readonly [Value, ...Value[]]])[] = [
  [s.object({ a: s.integer({ minimum: 0 }) }), [{ a: 0 }, { a: 5 }]],
  [s.object({ a: s.integer() }), [{ a: -1 }, { a: 5 }]],
  [s.object({ a: s.nullable(s.number()) }), [{ a: null }, { a: 0.5 }]],
  [s.object({ a: s.integer(), b: s.optional(s.string()) }), [{ a: -2 }, { a: 1, b: 'x' }]],
  [s.object({ a: s.integer(), b: s.string() }), [{ a: 1, b: '' }]],
  [s.object({ a: s.string() }), [{ a: '' }]],
  [s.object({ b: s.optional(s.union([s.string(), s.list(s.string())])) }), [{}, { b: ['x'] }]],
]

test('a host that starts can read every object, whatever builds have written before', async () => {
  let [started, stopped] = [0, 0]
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          shape: fc.nat(shapes.length - 1),
          version: fc.integer({ min: 1, max: 4 }),
          migrates: fc.boolean(),
          writes: fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c'), state: fc.nat(1), lost: fc.boolean() }), { maxLength: 3 }),
        }),
        { maxLength: 10 },
      ),
      async (builds) => {
        const store = memoryStore()
        let commits = true
        const disk: Store = { ...store, commit: (writes) => (commits ? store.commit(writes) : Promise.reject(new Error('power'))) }
        for (const { shape, version, migrates, writes } of builds) {
          const [schema, states] = shapes[shape] ?? assert.fail()
          const type = build({ version, schema, state: states[0], ...(migrates && { migrate: () => states[0] }) })
          let running: ReturnType<typeof host>
          try {
            running = host(disk, type)
          } catch (error) {
            assert.ok(isActiveStorageError(error, 'declaration-changed'), String(error))
            stopped++
            continue
          }
          started++
          for (const id of ['a', 'b', 'c']) if (store.get(recordKey('album', id)) !== undefined) running.read(id)
          for (const { id, state, lost } of writes) {
            commits = !lost
            await running.write(id, states[state] ?? states[0]).catch(() => undefined)
          }
          commits = true
        }
      },
    ),
    { numRuns: 300 },
  )
  assert.ok(started > 300 && stopped > 100, `${started} builds started, ${stopped} were refused: too few to prove anything`)
})
