import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { defineObject, type ObjectType } from '../../../src/core/define.ts'
import { integer, list, object, string } from '../../../src/core/schema.ts'
import type { Value } from '../../../src/core/value.ts'
import { createStorageNode } from '../../../src/storage-node/node.ts'
import { failing } from '../../contracts/transport.ts'
import { remote, temporaryFolder } from '../support.ts'

const first = defineObject({
  name: 'album',
  state: () => ({ title: '', photos: 0 }),
  schema: object({ title: string(), photos: integer({ minimum: 0 }) }),
  methods: {
    add(self, count: number) {
      return (self.state.photos += count)
    },
    spoil(self) {
      Object.assign(self.state, { colour: 'red' })
    },
  },
  readonly: { read: (self) => self.state },
  arguments: { add: [integer()] },
})

const schema = object({ titles: list(string()), photos: integer({ minimum: 0 }) })
const definition = {
  name: 'album',
  version: 2,
  state: () => ({ titles: [], photos: 0 }),
  schema,
} as const
const titlesOf = (state: Value) =>
  typeof state === 'object' && state !== null && 'title' in state && typeof state.title === 'string' ? [state.title] : []
const photosOf = (state: Value) => (typeof state === 'object' && state !== null && 'photos' in state ? Number(state.photos) : 0)
const second = defineObject({
  ...definition,
  migrate: (state) => ({ titles: titlesOf(state), photos: photosOf(state) }),
  methods: {
    add(self, count: number) {
      return (self.state.photos += count)
    },
  },
  readonly: { read: (self) => self.state },
})

/** Runs a node on the folder for as long as the work takes. */
const served = async <T>(data: string, type: ObjectType, work: (node: Awaited<ReturnType<typeof createStorageNode>>) => Promise<T>) => {
  const node = await createStorageNode({ data, listen: '127.0.0.1:0', threads: 1, objects: [type] })
  try {
    return await work(node)
  } finally {
    await node.close({ graceMs: 1000 })
  }
}
const written = async (t: TestContext) => {
  const data = temporaryFolder(t)
  await served(data, first, async ({ host }) => {
    await remote(host, first, 'a').add(1)
    await remote(host, first, 'b').add(2)
  })
  return data
}

test('a folder that version 1 of a type wrote is refused by version 2 without a migrate, and is as it was', async (t) => {
  const data = await written(t)
  const open = () => createStorageNode({ data, listen: '127.0.0.1:0', threads: 1, objects: [defineObject(definition)] })
  const error = await failing(open(), 'declaration-changed')
  assert.match(error.message, /"album": the store holds objects of version 1.*added "titles"; removed "title".*add a migrate/)
  await served(data, first, async ({ host }) => assert.deepEqual(await remote(host, first, 'a').read(), { title: '', photos: 1 }))
})

test('version 2 with a migrate reads and changes the objects of version 1', async (t) => {
  const data = await written(t)
  await served(data, second, async ({ host }) => {
    assert.deepEqual(await remote(host, second, 'a').read(), { titles: [''], photos: 1 })
    assert.equal(await remote(host, second, 'a').add(10), 11)
  })
  await served(data, second, async ({ host }) => {
    assert.deepEqual(await remote(host, second, 'a').read(), { titles: [''], photos: 11 })
    assert.deepEqual(await remote(host, second, 'b').read(), { titles: [''], photos: 2 })
  })
  const open = () => createStorageNode({ data, listen: '127.0.0.1:0', threads: 1, objects: [first] })
  assert.match((await failing(open(), 'declaration-changed')).message, /objects of version 2, and this host has version 1/)
})

test('version 2 that has changed nothing leaves the folder to version 1', async (t) => {
  const data = await written(t)
  await served(data, second, async ({ host }) => {
    assert.deepEqual(await remote(host, second, 'a').read(), { titles: [''], photos: 1 })
  })
  await served(data, first, async ({ host }) => assert.equal(await remote(host, first, 'a').add(1), 2))
})

test('a field that the schema does not declare is never committed', async (t) => {
  await served(temporaryFolder(t), first, async ({ host }) => {
    const album = remote(host, first)
    await album.add(1)
    assert.match((await failing(album.spoil(), 'invalid-argument')).message, /state\.colour is not declared.*nothing was changed/)
    assert.deepEqual(await album.read(), { title: '', photos: 1 })
    assert.match((await failing(album.add(-5), 'invalid-argument')).message, /state\.photos is -4, and must be a whole number from 0/)
    assert.match((await failing(album.add('x' as never), 'invalid-argument')).message, /album\.add: arguments\[0\] is "x"/)
    assert.equal(await album.add(1), 2)
  })
})

test('a type whose new objects do not satisfy its schema stops the host, which names it', async (t) => {
  const odd = defineObject({
    name: 'odd',
    state: () => ({ a: 1, b: 2 }),
    schema: { type: 'object', properties: { a: { type: 'integer' } } },
  })
  const open = () => createStorageNode({ data: temporaryFolder(t), listen: '127.0.0.1:0', threads: 1, objects: [odd] })
  assert.match((await failing(open(), 'invalid-argument')).message, /"odd".*state\.b is not declared/)
})
