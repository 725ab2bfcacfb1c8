import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { defineObject } from '../../../src/core/define.ts'
import { failure } from '../../../src/core/errors.ts'
import { siteName } from '../../../src/core/ids.ts'
import type { CallOptions } from '../../../src/core/remote.ts'
import { integer, object } from '../../../src/core/schema.ts'
import type { Call, Transport } from '../../../src/core/transport.ts'
import { createObjectsView } from '../../../src/sdk/objects.ts'
import type { Host } from '../../../src/storage-node/host.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import type { Store, Write } from '../../../src/storage-node/store/store.ts'
import { failing } from '../../contracts/transport.ts'
import { createHostOver } from '../host-over.ts'
import { deferred, remote } from '../support.ts'

const counter = defineObject({
  name: 'counter',
  state: () => ({ count: 0 }),
  schema: object({ count: integer() }),
  methods: {
    add: (self, amount: number): number => (self.state.count += amount),
  },
  readonly: { count: (self) => self.state.count },
})

const names = ['a', 'b', 'c'] as const
type Name = (typeof names)[number]

/** Three hosts, each a peer of the others. `between` sees every call from one to another, and may fail it. */
const three = (t: TestContext) => {
  const hosts = new Map<Name, Host>()
  const faults: { between: (call: Call, to: Name) => Promise<void> | void; commit: (writes: readonly Write[], at: Name) => void } = {
    between: () => undefined,
    commit: () => undefined,
  }
  const way = (to: Name): Transport => ({
    async call(call) {
      await faults.between(call, to)
      return hosts.get(to)!.call(call)
    },
    stream: (call) => hosts.get(to)!.stream(call),
    close: () => Promise.resolve(),
  })
  for (const name of names) {
    const memory = memoryStore()
    const store: Store = {
      ...memory,
      commit: async (writes) => {
        faults.commit(writes, name)
        await memory.commit(writes)
      },
    }
    const peers = new Map(names.filter((other) => other !== name).map((other) => [siteName(other), way(other)]))
    const host = createHostOver(store, [counter], peers, name)
    t.after(() => host.close({ graceMs: 10 }))
    hosts.set(name, host)
  }
  return {
    faults,
    hosts,
    at: (name: Name, options: CallOptions = {}) => remote(hosts.get(name)!, counter, 'x', options),
    move: (from: Name, to: Name) =>
      // Of a site, only its transport is used here.
      createObjectsView({ home: () => ({ transport: hosts.get(from)! }) as never, transport: (site) => site.transport }).move(
        counter,
        'x',
        to,
      ),
  }
}
const carriesRecord = ({ method, args }: Call) => method === '$receive' && JSON.stringify(args[2]).includes('record')

test('a complete copy whose source has committed is not replaced by another move of the same name', async (t) => {
  const { at, faults, move } = three(t)
  await at('a').add(100)
  await at('b').add(7)
  // The source commits, and cannot reach the target to activate the copy.
  const [asked, reachable] = [deferred(), deferred()]
  faults.between = async ({ method }) => {
    if (method !== '$activate') return
    asked.resolve()
    await reachable.promise
  }
  const moving = move('a', 'c')
  await asked.promise
  const refused = await failing(move('b', 'c'), 'already-exists')
  assert.match(refused.message, /start a,/)
  reachable.resolve()
  assert.deepEqual(await moving, { site: 'c' })
  assert.equal(await at('c').count(), 100)
  assert.equal(await at('b').count(), 7)
})

test('a copy that is not complete gives way to another move of the same name, and no move is activated by the other', async (t) => {
  const { at, faults, move } = three(t)
  await at('a').add(100)
  await at('b').add(7)
  const [copying, go] = [deferred(), deferred()]
  let first = true
  faults.between = async (call) => {
    if (!carriesRecord(call) || !first) return
    first = false
    copying.resolve()
    await go.promise
  }
  const fromA = move('a', 'c')
  await copying.promise
  assert.deepEqual(await move('b', 'c'), { site: 'c' })
  go.resolve()
  await failing(fromA, 'already-exists')
  assert.equal(await at('a').count(), 100)
  assert.equal(await at('c').count(), 7)
})

test('a target that has no copy of the move refuses to activate it, and the mover is told', async (t) => {
  const { at, faults, hosts, move } = three(t)
  await at('a').add(100)
  faults.between = async (call, to) => {
    if (call.method !== '$activate') return
    // The target loses its copy: it was restored from an older backup, say.
    await hosts.get(to)!.call({ ...call, method: '$discard', context: { ...call.context, callId: call.context.callId } })
  }
  const error = await failing(move('a', 'c'), 'not-found')
  assert.match(error.message, /no complete copy/)
})

test('a repeated activation changes nothing, also after the object has moved on and come back', async (t) => {
  const { at, faults, hosts, move } = three(t)
  await at('a').add(1)
  let activation: Call | undefined
  faults.between = (call) => {
    if (call.method === '$activate') activation ??= call
  }
  await move('a', 'c')
  await move('c', 'b')
  await move('b', 'c')
  assert.equal(await at('c').add(1), 2)
  await hosts.get('c')!.call(activation!)
  assert.equal(await at('c').count(), 2)
})

test('results that came with a discarded copy do not answer calls of a later object', async (t) => {
  const { at, faults, move } = three(t)
  assert.equal(await at('a', { idempotencyKey: 'k' }).add(100), 100)
  const discarded = deferred()
  faults.between = (call) => {
    if (call.method === '$discard') discarded.resolve()
    if (carriesRecord(call)) throw failure('unavailable', 'the link broke')
  }
  await failing(move('a', 'c'), 'unavailable')
  await discarded.promise
  assert.equal(await at('c', { idempotencyKey: 'k' }).add(5), 5)
})

test('a move whose commit is refused at once is discarded at the target', async (t) => {
  const { at, faults, hosts, move } = three(t)
  await at('a').add(5)
  let full = false
  faults.commit = (_, name) => {
    if (full && name === 'a') throw failure('read-only', 'no space is left on the disk')
  }
  const discarded = deferred()
  faults.between = async (call) => {
    if (call.method === '$discard') discarded.resolve()
    if (!carriesRecord(call)) return
    // The disk is full when the copy is complete, and the store knows it before the move commits.
    full = true
    await failing(remote(hosts.get('a')!, counter, 'other').add(1), 'read-only')
  }
  await failing(move('a', 'c'), 'read-only')
  await discarded.promise
  full = false
  assert.equal(await at('c').add(1), 1)
})

test('a name that an object is still leaving is not taken by another, so that its move can be ended after a restart', async (t) => {
  const { at, faults, move } = three(t)
  await at('a').add(100)
  await at('b').add(7)
  const [asked, reachable] = [deferred(), deferred()]
  faults.between = async ({ method }, to) => {
    if (method !== '$activate' || to !== 'c') return
    asked.resolve()
    await reachable.promise
  }
  const moving = move('a', 'c')
  await asked.promise
  const refused = await failing(move('b', 'a'), 'already-exists')
  assert.match(refused.message, /still moving from a to c/)
  reachable.resolve()
  await moving
  assert.deepEqual(await move('b', 'a'), { site: 'a' })
  assert.equal(await at('a').count(), 7)
  assert.equal(await at('c').count(), 100)
})

test('a part of a discarded move that arrives late begins nothing', async (t) => {
  const { at, faults, hosts, move } = three(t)
  await at('a').add(100)
  let begin: Call | undefined
  const discarded = deferred()
  faults.between = async (call, to) => {
    if (call.method === '$receive') begin ??= call
    if (call.method === '$receive' && call !== begin) throw failure('unavailable', 'the link broke')
    if (call.method !== '$discard') return
    await hosts.get(to)!.call(call)
    discarded.resolve()
  }
  await failing(move('a', 'c'), 'unavailable')
  await discarded.promise
  await failing(hosts.get('c')!.call(begin!), 'not-found')
  faults.between = () => undefined
  assert.equal(await at('c').add(1), 1)
})

test('a first part that arrives again after the object has come and gone begins nothing', async (t) => {
  const { at, faults, hosts, move } = three(t)
  await at('a').add(1)
  let begin: Call | undefined
  faults.between = (call) => {
    if (call.method === '$receive') begin ??= call
  }
  await move('a', 'c')
  await move('c', 'b')
  await failing(hosts.get('c')!.call(begin!), 'not-found')
  assert.deepEqual(await move('b', 'c'), { site: 'c' })
  assert.equal(await at('c').count(), 1)
})
