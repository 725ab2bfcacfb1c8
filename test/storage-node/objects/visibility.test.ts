import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { defineObject } from '../../../src/core/define.ts'
import { type Closable, sessionKind } from '../../../src/core/host-session.ts'
import { newCallId, objectId, siteName, typeName } from '../../../src/core/ids.ts'
import { integer, object, string } from '../../../src/core/schema.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { connect } from '../../../src/index.ts'
import { site } from '../../../src/objects/site.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { failing } from '../../contracts/transport.ts'
import { createHostOver } from '../host-over.ts'
import { linkTo, remote, startNode } from '../support.ts'

/** A counter that is open in memory between calls. */
interface Open extends Closable {
  count: number
}
const counters = sessionKind<Open>('counter')
const closed: string[] = []

/** The stateful part of it, by which the other parts call it. */
const keeper = defineObject({ name: 'tally', methods: { keep: (_, count: number) => count } })

const tally = defineObject({
  name: 'tally',
  state: () => ({ kept: 0 }),
  schema: object({ kept: integer() }),
  methods: {
    begin: () => null,
    keep(self, count: number): number {
      self.state.kept = count
      return count
    },
  },
  readonly: {
    isCounting: (self): boolean => self.isOpen(counters),
    kept: (self): number => self.state.kept,
    /** A readonly method has no sessions, whatever it tries. */
    sneak: (self): number => Object.keys(Reflect.get(self, 'sessions') ?? {}).length,
  },
  sessions: {
    open: (self, bytes: number): Promise<string> =>
      self.sessions.open(counters, { bytes }, () => {
        const close = async () => void closed.push(await Promise.resolve(self.id))
        return Promise.resolve({ count: self.state.kept, close })
      }),
    add: (self, session: string, amount: number): Promise<number> =>
      self.sessions.use(counters, session, (open) => Promise.resolve((open.count += amount))),
    async store(self, session: string): Promise<number> {
      const count = await self.sessions.use(counters, session, (open) => Promise.resolve(open.count))
      return self.object(keeper, self.id).keep(count)
    },
  },
  arguments: { keep: [integer()], add: [string(), integer()] },
  internal: ['keep', 'add', 'store'],
})

const beside = defineObject({
  name: 'beside',
  readonly: { keep: (self, id: string, count: number): Promise<number> => self.object(tally, id).keep(count) },
})
const types = [tally, beside]

/** The same host by its own transport, and over a link. */
const places: readonly [string, (t: TestContext) => Promise<Transport>][] = [
  [
    'in process',
    (t) => {
      const host = createLocalHost({ objects: types })
      t.after(() => host.close())
      return Promise.resolve(host)
    },
  ],
  ['over a link', async (t) => linkTo(t, (await startNode(t, { objects: types })).address)],
]

for (const [place, open] of places)
  test(`${place}: internal methods are for objects of the host, and for who has a session of the object`, async (t) => {
    const link = await open(t)
    const main = remote(link, tally, 'a')
    await main.begin()
    const error = await failing(main.keep(7), 'permission-denied')
    assert.match(error.message, /tally.keep is internal/)
    for (const guess of ['', 'session', 'a']) await failing(main.add(guess, 1), 'permission-denied')
    await failing(main.add('5f2b8a52-9d1f-4a43-8d8e-0123456789ab', 1), 'session-ended')
    // A chain is a caller's own claim.
    const claim = (chain: readonly string[]) =>
      link.call({
        type: typeName('tally'),
        object: objectId('a'),
        method: 'keep',
        kind: 'stateful',
        args: [7],
        context: { callId: newCallId(), chain },
      })
    for (const chain of [['x'], ['tally/a#x'], [`beside/main#${newCallId()}`]]) await failing(claim(chain), 'permission-denied')
    assert.equal(await main.kept(), 0)

    assert.equal(await main.isCounting(), false)
    const session = await main.open(10)
    assert.equal(await main.isCounting(), true)
    assert.equal(await main.add(session, 2), 2)
    assert.equal(await main.add(session, 3), 5)
    assert.equal(await main.store(session), 5)
    // The session of another object of the same type opens nothing here.
    const other = remote(link, tally, 'b')
    await other.begin()
    await failing(other.add(session, 1), 'session-ended')
    assert.equal(await remote(link, beside).keep('a', 9), 9)
    assert.equal(await main.kept(), 9)
    await failing(main.sneak(), 'unsupported')
  })

test('they are shown to who asks for them, and to nobody else', async (t) => {
  const host = createLocalHost({ objects: types, name: 'here' })
  t.after(() => host.close())
  const methodsIn = (described: unknown) => Object.keys(Reflect.get(Object(described), 'methods') ?? {}).toSorted()
  const open = ['begin', 'isCounting', 'kept', 'open', 'sneak']
  assert.deepEqual(methodsIn(await remote(host, site).declaration('tally')), open)
  const all = await remote(host, site).declaration('tally', { internal: true })
  assert.deepEqual(methodsIn(all), [...open, 'add', 'keep', 'store'].toSorted())
  await remote(host, tally, 'a').begin()
  await using client = await connect({ sites: { here: { role: 'node', host } }, objects: types })
  assert.deepEqual(methodsIn(await client.objects.describe(tally, 'a', { at: 'here' })), open)
  const unknown = host.call({
    type: typeName('tally'),
    object: objectId('a'),
    method: 'keeps',
    kind: 'stateful',
    args: [],
    context: { callId: newCallId(), chain: [] },
  })
  assert.doesNotMatch((await failing(unknown, 'unknown-method')).message, /keep[^s]|store/)
})

test('sessions end where their object is deleted or moves, and with the host; their memory is counted', async (t) => {
  const peers = new Map<ReturnType<typeof siteName>, Transport>()
  const there = createHostOver(memoryStore(), types, peers, 'there')
  const here = createHostOver(memoryStore(), types, new Map([[siteName('there'), there]]), 'here')
  peers.set(siteName('here'), here)
  t.after(() => Promise.all([here.close(), there.close()]))
  const lifecycle = (id: string, method: string, ...args: string[]) =>
    here.call({
      type: typeName('tally'),
      object: objectId(id),
      method,
      kind: 'stateful',
      args,
      context: { callId: newCallId(), chain: [] },
    })
  const opened = async (id: string) => {
    await remote(here, tally, id).begin()
    return remote(here, tally, id).open(1000)
  }
  const [deleted, moved, stays] = [await opened('deleted'), await opened('moved'), await opened('stays')]
  assert.deepEqual([here.stats().sessions, here.stats().sessionBytes, here.stats().argumentBytes], [3, 3000, 3000])
  await lifecycle('deleted', '$delete')
  await lifecycle('moved', '$move', 'there')
  assert.equal(here.stats().sessions, 1)
  assert.deepEqual(closed.slice(-2).toSorted(), ['deleted', 'moved'])
  await remote(here, tally, 'deleted').begin()
  for (const [id, session] of [['deleted', deleted]] as const) await failing(remote(here, tally, id).add(session, 1), 'session-ended')
  await failing(remote(there, tally, 'moved').add(moved, 1), 'session-ended')
  assert.equal(await remote(here, tally, 'stays').add(stays, 1), 1)
  await here.close()
  assert.equal(closed.at(-1), 'stays')
  assert.equal(here.stats().argumentBytes, 0)
})

test('what is internal must be a method', () => {
  assert.throws(() => defineObject({ name: 'wrong', movable: { a: () => 1 }, internal: ['b'] }), /"b" is internal, and no method/)
})
