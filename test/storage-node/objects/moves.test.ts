import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { defineObject } from '../../../src/core/define.ts'
import { failure } from '../../../src/core/errors.ts'
import { type SiteName, siteName } from '../../../src/core/ids.ts'
import type { CallOptions, Remote } from '../../../src/core/remote.ts'
import { contentRef, integer, nullable, object, string } from '../../../src/core/schema.ts'
import type { Call, Transport } from '../../../src/core/transport.ts'
import { createFollowing } from '../../../src/link/following.ts'
import { createObjectsView } from '../../../src/sdk/objects.ts'
import { connect } from '../../../src/sdk/connect.ts'
import type { Host } from '../../../src/storage-node/host.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { failing } from '../../contracts/transport.ts'
import { createHostOver } from '../host-over.ts'
import { deferred, remote, startNode, temporaryFolder } from '../support.ts'

const box = defineObject({
  name: 'box',
  state: () => ({ count: 0, picture: null, note: '' }),
  schema: object({ count: integer(), picture: nullable(contentRef()), note: string() }),
  methods: {
    add(self, amount: number): number {
      self.state.count += amount
      self.table<number>('rows').put(String(self.state.count).padStart(6, '0'), amount)
      return self.state.count
    },
    async paint(self, bytes: Uint8Array): Promise<void> {
      self.state.picture = await self.content.put(bytes)
    },
  },
  readonly: {
    count: (self) => self.state.count,
    rows: (self) => self.table<number>('rows').entries({ limit: 100_000 }).length,
    async picture(self): Promise<Uint8Array | null> {
      const { picture } = self.state
      return picture === null ? null : self.content.read(picture, self.signal)
    },
    home: (self): string => self.state.picture?.home ?? '',
  },
})
type Box = Remote<typeof box>

/** Two hosts that are each other's peers. `between` sees every call from one to the other, and may fail it. */
const pair = (t: TestContext) => {
  const stores = { one: memoryStore(), two: memoryStore() }
  const hosts = new Map<string, Host>()
  const faults: { between: (call: Call, to: string) => Promise<void> | void } = { between: () => undefined }
  const way = (to: string): Transport => ({
    async call(call) {
      await faults.between(call, to)
      return hosts.get(to)!.call(call)
    },
    stream: (call) => hosts.get(to)!.stream(call),
    close: () => Promise.resolve(),
  })
  const start = (name: 'one' | 'two') => {
    const other = name === 'one' ? 'two' : 'one'
    const host = createHostOver(stores[name], [box], new Map([[siteName(other), way(other)]]), name)
    t.after(() => host.close({ graceMs: 10 }))
    hosts.set(name, host)
    return host
  }
  start('one')
  start('two')
  const following = createFollowing((site: SiteName) => hosts.get(site))
  const at = (name: 'one' | 'two', id = 'a', options: CallOptions = {}): Box => remote(hosts.get(name)!, box, id, options)
  return {
    faults,
    start,
    stores,
    at,
    /** As a client that knows both. */
    followed: (id = 'a', options: CallOptions = {}): Box => remote(following.from(hosts.get('one')!), box, id, options),
    move: (to: string, from: 'one' | 'two' = 'one', id = 'a') =>
      // Of a site, only its transport is used here.
      createObjectsView({ home: () => ({ transport: hosts.get(from)! }) as never, transport: (site) => site.transport }).move(box, id, to),
  }
}

test('an object moves with state, tables, content and recorded results, and callers are sent after it', async (t) => {
  const { at, followed, move } = pair(t)
  await Promise.all(Array.from({ length: 300 }, () => at('one').add(1)))
  await at('one').paint(Buffer.from('a picture'))
  assert.equal(await at('one', 'a', { idempotencyKey: 'k' }).add(5), 305)
  assert.deepEqual(await move('two'), { site: 'two' })
  assert.equal(await at('two').count(), 305)
  assert.equal(await at('two').rows(), 301)
  assert.equal(Buffer.from((await at('two').picture()) ?? []).toString(), 'a picture')
  assert.equal(await at('two').home(), 'two')
  const error = await failing(at('one').count(), 'moved')
  assert.deepEqual(error.details, { site: 'two' })
  await failing(at('one').add(1), 'moved')
  assert.equal(await followed('a', { idempotencyKey: 'k' }).add(5), 305)
  assert.equal(await followed().add(1), 306)
  assert.equal(await at('two').count(), 306)
})

test('it may come back, and go again', async (t) => {
  const { at, followed, move } = pair(t)
  await at('one').add(1)
  for (let round = 0; round < 3; round++) {
    await move('two')
    assert.equal(await followed().add(1), 2 + round * 2)
    await move('one', 'two')
    assert.equal(await followed().add(1), 3 + round * 2)
    await failing(at('two').count(), 'moved')
  }
  assert.equal(await at('one').count(), 7)
})

test('a move to where it is changes nothing; to a stranger, or of nothing, it is refused', async (t) => {
  const { at, move } = pair(t)
  await failing(move('two'), 'not-found')
  await at('one').add(1)
  assert.deepEqual(await move('one'), { site: 'one' })
  await failing(move('three'), 'unavailable')
  assert.equal(await at('one').count(), 1)
})

test('an object of the same name at the target stays what it is, and so does the one that was to move', async (t) => {
  const { at, move } = pair(t)
  await at('one').add(1)
  await at('two').add(2)
  await failing(move('two'), 'already-exists')
  assert.equal(await at('one').add(1), 2)
  assert.equal(await at('two').count(), 2)
})

test('while it moves, calls wait and then follow; none is lost', async (t) => {
  const { at, faults, followed, move } = pair(t)
  await at('one').add(1)
  const [begun, go] = [deferred(), deferred()]
  faults.between = async ({ method, args }) => {
    if (method !== '$receive' || !JSON.stringify(args[2]).includes('record')) return
    begun.resolve()
    await go.promise
  }
  const moving = move('two')
  await begun.promise
  const calls = Array.from({ length: 20 }, () => followed().add(1))
  // Readers do not wait: until the one commit it lives here.
  assert.equal(await at('one').count(), 1)
  await failing(at('two', 'a', { timeoutMs: 20 }).add(1), 'deadline-exceeded')
  go.resolve()
  await moving
  assert.deepEqual(
    (await Promise.all(calls)).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, index) => index + 2),
  )
  assert.equal(await at('two').count(), 21)
})

test('a copy that fails comes to nothing: the object stays, and the target forgets it', async (t) => {
  const { at, faults, move } = pair(t)
  await at('one').add(1)
  const discarded = deferred()
  let failed = false
  faults.between = ({ method, args }) => {
    if (method === '$discard') discarded.resolve()
    if (method !== '$receive' || failed || !JSON.stringify(args[2]).includes('record')) return
    failed = true
    throw failure('unavailable', 'the link broke')
  }
  await failing(move('two'), 'unavailable')
  assert.equal(await at('one').add(1), 2)
  await discarded.promise
  // The turn of this call comes after that of the discard.
  assert.equal(await at('two').add(7), 7)
})

for (const dies of ['while it copies', 'before the target is told', 'before it knows that the target was told'] as const) {
  test(`a source that dies ${dies} ends the move when it is back: one site serves the object`, async (t) => {
    const { at, faults, move, start } = pair(t)
    await at('one').add(41)
    const dead = deferred()
    faults.between = async ({ method, args }) => {
      const now =
        dies === 'while it copies'
          ? method === '$receive' && JSON.stringify(args[2]).includes('record')
          : dies === 'before the target is told' && method === '$activate'
      if (!now) return
      dead.resolve()
      // The process is no more: nothing that it waits for ever comes.
      await new Promise(() => undefined)
    }
    const heard = deferred()
    if (dies === 'before it knows that the target was told') heard.promise.catch(() => undefined)
    const moving = move('two').catch(() => undefined)
    if (dies === 'before it knows that the target was told') await moving
    else await dead.promise
    if (dies === 'before the target is told') {
      await failing(at('one').count(), 'moved')
      await failing(at('two', 'a', { timeoutMs: 20 }).add(1), 'deadline-exceeded')
    }
    const told = deferred()
    faults.between = ({ method }) => {
      if (method === '$activate' || method === '$discard') told.resolve()
    }
    start('one')
    if (dies === 'while it copies') {
      assert.equal(await at('one').add(1), 42)
      await told.promise
      assert.equal(await at('two').add(7), 7)
    } else {
      if (dies === 'before the target is told') await told.promise
      assert.equal(await at('two').add(1), 42)
      await failing(at('one').count(), 'moved')
    }
  })
}

test('a target that is away when it should be told is told until it hears', async (t) => {
  const { at, faults, move } = pair(t)
  await at('one').add(1)
  let tries = 0
  faults.between = ({ method }) => {
    if (method === '$activate' && ++tries < 3) throw failure('unavailable', 'away')
  }
  await move('two')
  assert.equal(tries, 3)
  assert.equal(await at('two').count(), 1)
})

test('a target that restarts with the copy still waits to be told', async (t) => {
  const { at, faults, move, start } = pair(t)
  await at('one').add(1)
  const [asked, go] = [deferred(), deferred()]
  faults.between = async ({ method }) => {
    if (method !== '$activate') return
    asked.resolve()
    await go.promise
  }
  const moving = move('two')
  await asked.promise
  start('two')
  const early = at('two').count()
  go.resolve()
  await moving
  assert.equal(await early, 1)
})

test('100 objects move between two nodes at once, each ends on one, and none is lost', async (t) => {
  const folders = [temporaryFolder(t), temporaryFolder(t)]
  const first = await Promise.all(['one', 'two'].map((name, index) => startNode(t, { name, data: folders[index]!, objects: [box] })))
  const addresses = { one: first[0]!.address, two: first[1]!.address }
  await Promise.all(first.map((node) => node.close()))
  await startNode(t, { name: 'one', data: folders[0]!, listen: addresses.one, peers: { two: addresses.two }, objects: [box] })
  await startNode(t, { name: 'two', data: folders[1]!, listen: addresses.two, peers: { one: addresses.one }, objects: [box] })
  const client = await connect({ sites: { one: { role: 'node', address: addresses.one }, two: { role: 'cloud', address: addresses.two } } })
  t.after(() => client.close())
  const ids = Array.from({ length: 100 }, (_, index) => `b${index}`)
  await Promise.all(ids.map((id) => client.object(box, id).add(1)))
  // Each is moved there and back twice over, while it is called.
  await Promise.all(
    ids.map(async (id) => {
      const moving = (async () => {
        for (const to of ['two', 'one', 'two']) await client.objects.move(box, id, to)
      })()
      await Promise.all([moving, ...Array.from({ length: 5 }, () => client.object(box, id).add(1))])
    }),
  )
  assert.deepEqual(
    await Promise.all(ids.map((id) => client.object(box, id).count())),
    ids.map(() => 6),
  )
  assert.equal((await client.objects.list({ type: box, at: 'one' })).length, 0)
  assert.equal((await client.objects.list({ type: box, at: 'two' })).length, 100)
})
