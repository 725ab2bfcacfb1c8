import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextMoment, setTimeout as pause } from 'node:timers/promises'
import { ContentRef } from '../../../src/core/content.ts'
import { newCallId, objectId, typeName } from '../../../src/core/ids.ts'
import { ObjectRef } from '../../../src/core/object-ref.ts'
import { withCall } from '../../../src/core/remote.ts'
import { connect } from '../../../src/sdk/connect.ts'
import { inProcessNode } from '../../../src/storage-node/start.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { keyOf } from '../../../src/storage-node/store/store.ts'
import { failing } from '../../contracts/transport.ts'
import { createHostOver } from '../host-over.ts'
import { deferred, linkTo, startNode, temporaryFolder } from '../support.ts'
import { chain, waits } from './chain-object.ts'

/** A client of a storage node on disk. */
const prepared = async (t: TestContext, data = temporaryFolder(t)) => {
  const node = await startNode(t, { data, name: 'edge', objects: [chain] })
  const client = await connect({ node: node.address })
  t.after(() => client.close())
  return { node, client, data }
}

test('an object is made once, and made sure of as often as one likes', async (t) => {
  const { client } = await prepared(t)
  assert.deepEqual(await client.objects.create(chain, 'a'), { id: 'a', version: 1 })
  await failing(client.objects.create(chain, 'a'), 'already-exists')
  assert.deepEqual(await client.objects.ensure(chain, 'a'), { created: false, version: 1 })
  assert.deepEqual(await client.objects.ensure(chain, 'b'), { created: true, version: 1 })
  assert.equal(await client.object(chain, 'b').count(), 0)
  const { id } = await client.objects.create('chain')
  assert.equal(await client.object(chain, id).add(2), 2)
  await failing(client.objects.create('site', 'x'), 'invalid-argument')
  await failing(client.objects.create('nothing', 'x'), 'unknown-type')
})

test('of many that make the same object at once, one does', async (t) => {
  const { client } = await prepared(t)
  const made = await Promise.allSettled(Array.from({ length: 20 }, () => client.objects.create(chain, 'a')))
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('what is deleted is gone, with its tables, and one made anew finds nothing of it, also after a restart', async (t) => {
  const { client, node, data } = await prepared(t)
  for (let made = 0; made < 5; made++) await client.object(chain, 'a').add(1)
  assert.equal(await client.objects.delete(chain, 'a'), true)
  assert.equal(await client.objects.delete(chain, 'a'), false)
  await failing(client.object(chain, 'a').count(), 'not-found')
  assert.deepEqual(await client.objects.list({ type: chain }), [])
  assert.equal(await client.object(chain, 'a').add(7), 7)
  assert.deepEqual(await client.object(chain, 'a').rows(), [['at-7', 7]])
  await node.close()
  const again = await prepared(t, data)
  assert.deepEqual(await again.client.object(chain, 'a').rows(), [['at-7', 7]])
})

test('lists come in pages, by type and by the beginning of names', async (t) => {
  const { client } = await prepared(t)
  for (const id of ['cam-1', 'cam-2', 'cam-10', 'door-1', 'cam']) await client.objects.create(chain, id)
  const ids = async (range: Parameters<typeof client.objects.list>[0]) => (await client.objects.list(range)).map(({ id }) => id)
  assert.deepEqual(await ids({ type: chain }), ['cam', 'cam-1', 'cam-10', 'cam-2', 'door-1'])
  assert.deepEqual(await ids({ type: chain, prefix: 'cam-' }), ['cam-1', 'cam-10', 'cam-2'])
  assert.deepEqual(await ids({ type: chain, prefix: 'cam', limit: 2 }), ['cam', 'cam-1'])
  assert.deepEqual(await ids({ type: chain, prefix: 'cam', after: 'chain/cam-1', limit: 2 }), ['cam-10', 'cam-2'])
  assert.deepEqual(await ids({ type: chain, prefix: 'x' }), [])
  await failing(client.objects.list({ prefix: 'x' }), 'invalid-argument')
})

test('a version is worked on apart, and takes the place of the object: state, tables and history', async (t) => {
  const { client } = await prepared(t)
  const object = client.object(chain, 'a')
  await object.add(1)
  const id = await client.objects.newVersion(chain, 'a')
  const version = client.object(chain, id)
  assert.equal(await version.add(10), 11)
  assert.equal(await object.count(), 1)
  assert.deepEqual(await client.objects.consolidate(chain, 'a', id), { version: 2 })
  assert.equal(await object.count(), 11)
  assert.deepEqual(await object.rows(), [
    ['at-1', 1],
    ['at-11', 10],
  ])
  await failing(version.count(), 'not-found')
  const [entry, ...others] = await client.objects.history(chain, 'a')
  assert.deepEqual(others, [])
  assert.deepEqual({ version: entry?.version, from: entry?.from, base: entry?.base }, { version: 2, from: id, base: 1 })
  assert.equal(await object.add(1), 12)
})

test('a version of an object that has changed since is refused, unless forced', async (t) => {
  const { client } = await prepared(t)
  const object = client.object(chain, 'a')
  await object.add(1)
  const id = await client.objects.newVersion(chain, 'a')
  await object.add(1)
  const error = await failing(client.objects.consolidate(chain, 'a', id), 'version-mismatch')
  assert.deepEqual(error.details, { actual: 2 })
  assert.equal(await object.count(), 2)
  await client.objects.consolidate(chain, 'a', id, { force: true })
  assert.equal(await object.count(), 1)
  await failing(client.objects.consolidate(chain, 'a', 'b'), 'not-found')
  await failing(client.objects.consolidate(chain, 'a', 'a'), 'invalid-argument')
})

test('of many that put a version in the place of the object, one does, and nothing is mixed', async (t) => {
  const { client } = await prepared(t)
  await client.object(chain, 'a').add(1)
  const ids = await Promise.all(Array.from({ length: 8 }, () => client.objects.newVersion(chain, 'a')))
  await Promise.all(ids.map((id, index) => client.object(chain, id).add(index + 10)))
  const outcomes = await Promise.allSettled(ids.map((id) => client.objects.consolidate(chain, 'a', id)))
  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal(await client.object(chain, 'a').count(), winner + 11)
  assert.deepEqual(
    (await client.object(chain, 'a').rows()).map(([, amount]) => amount),
    [1, winner + 10],
  )
})

test('aliases stand for objects: compare-and-set, rename, time', async (t) => {
  const { client } = await prepared(t)
  const target = client.objects.ref(chain, 'a')
  assert.equal(await client.aliases.get('front-door'), null)
  const first = await client.aliases.set('front-door', target, { expected: 0 })
  await failing(client.aliases.set('front-door', target, { expected: 0 }), 'version-mismatch')
  const second = await client.aliases.set('front-door', client.objects.ref(chain, 'b'), { expected: first.revision })
  assert.ok(second.revision > first.revision)
  const found = await client.aliases.get('front-door')
  assert.deepEqual([found?.target.type, found?.target.id, found?.target.home], ['chain', 'b', 'edge'])
  assert.equal(await client.object(chain, found!.target).add(3), 3)
  assert.equal((await client.objects.describe(chain, 'b')).references, 1)
  const renamed = await client.aliases.rename('front-door', 'door')
  assert.equal(renamed.name, 'door')
  assert.equal(await client.aliases.get('front-door'), null)
  await failing(client.aliases.rename('front-door', 'x'), 'not-found')
  await client.aliases.set('other', target)
  await failing(client.aliases.rename('other', 'door'), 'already-exists')
  assert.deepEqual(
    (await client.aliases.list()).map(({ name }) => name),
    ['door', 'other'],
  )
  assert.equal(await client.aliases.remove('other'), true)
  assert.equal(await client.aliases.remove('other'), false)
  // The shortest time that there is has passed when the next call is made.
  await client.aliases.set('soon-gone', target, { ttlMs: 0.001 })
  await pause(2)
  assert.equal(await client.aliases.get('soon-gone'), null)
  await client.aliases.set('soon-gone', target, { expected: 0 })
})

test('aliases that have expired take no place in a page', async (t) => {
  const { client } = await prepared(t)
  const target = client.objects.ref(chain, 'a')
  for (let index = 0; index < 5; index++) await client.aliases.set(`a${index}`, target, { ttlMs: 0.001 })
  await client.aliases.set('z', target)
  await pause(2)
  assert.deepEqual(
    (await client.aliases.list({ limit: 3 })).map(({ name }) => name),
    ['z'],
  )
})

test('a version is there for the next reader, although its commit is still on its way to the disk', async (t) => {
  const memory = memoryStore()
  const go = deferred()
  // The version's tables are copied in commits of their own; it is there with the commit that has its record.
  let versions = false
  const host = createHostOver(
    {
      ...memory,
      commit: async (writes) => {
        if (versions && writes.some(({ key }) => key.startsWith(keyOf('object', 'chain')))) await go.promise
        await memory.commit(writes)
      },
    },
    [chain],
  )
  t.after(() => host.close({ graceMs: 10 }))
  const call = (object: string, method: string, kind: 'stateful' | 'readonly') =>
    host.call({
      type: typeName('chain'),
      object: objectId(object),
      method,
      kind,
      args: method === 'add' ? [1] : [],
      context: { callId: newCallId(), chain: [], ...(kind === 'stateful' && { durability: 'async' as const }) },
    })
  await call('a', 'add', 'stateful')
  await call('a', 'count', 'readonly')
  versions = true
  const version = await call('a', '$newVersion', 'stateful')
  assert.ok(typeof version === 'string')
  const reading = call(version, 'count', 'readonly')
  reading.catch(() => undefined)
  // Time for a reader that does not wait.
  for (let moment = 0; moment < 50; moment++) await nextMoment()
  go.resolve()
  assert.equal(await reading, 1)
})

test('a readonly method sees one moment, however long it takes', async (t) => {
  const { client } = await prepared(t)
  const object = client.object(chain, 'a')
  await object.add(1)
  const go = deferred()
  waits.set('moment', go.promise)
  const reading = object.slowRows('moment')
  // Its snapshot is taken before this call is answered, for it was sent before on the same connection.
  await client.object(chain, 'b').add(1)
  for (let made = 0; made < 5; made++) await object.add(1)
  go.resolve()
  assert.deepEqual(await reading, { count: 1, rows: 1 })
  assert.equal(await object.count(), 6)
})

test('a stream that reads sees one moment, while its object goes on', async (t) => {
  const { client } = await prepared(t)
  const object = client.object(chain, 'a')
  for (let made = 0; made < 3; made++) await object.add(1)
  const seen: number[] = []
  for await (const item of object.slowStream()) {
    seen.push(item)
    await object.add(1)
  }
  assert.deepEqual(seen, [1, 1, 1, 3])
  assert.equal(await object.count(), 7)
})

test('each step of a stream that changes state is a turn: a slow reader holds nobody up', async (t) => {
  const host = await inProcessNode({ name: 'edge', objects: [chain] })
  const client = await connect({ sites: { edge: { role: 'node', host } } })
  t.after(() => client.close())
  const object = client.object(chain, 'a')
  const seen: number[] = []
  for await (const count of object.steps(3)) {
    seen.push(count)
    seen.push(await object.add(10))
  }
  assert.deepEqual(seen, [1, 11, 12, 22, 23, 33])
  await failing(
    (async () => {
      for await (const _ of withCall(object, { idempotencyKey: 'k' }).steps(1)) assert.fail('a stream has no result to record')
    })(),
    'unsupported',
  )
})

test('each step of a stream lasts, also where its reader leaves', async (t) => {
  const { client, node, data } = await prepared(t)
  const object = client.object(chain, 'a')
  let seen = 0
  for await (const count of object.steps(1000)) {
    seen = count
    if (count >= 5) break
  }
  await node.close()
  const again = await prepared(t, data)
  assert.ok((await again.client.object(chain, 'a').count()) >= seen)
  assert.equal(await again.client.object(chain, 'a').add(0), await again.client.object(chain, 'a').count())
})

test('references are values: they come back as they were sent', async (t) => {
  const { node } = await prepared(t)
  const link = linkTo(t, node.address)
  const args = [[new ObjectRef('chain', 'a', 'edge'), { content: new ContentRef('ab'.repeat(32), 5, 'edge') }]]
  const context = { callId: newCallId(), chain: [] }
  const call = { type: typeName('site'), object: objectId('main'), method: 'echo', kind: 'movable', args, context } as const
  assert.deepEqual(await link.call(call), args[0])
})
