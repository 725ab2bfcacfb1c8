import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { type Caller, createTurns } from '../../../src/storage-node/objects/turns.ts'
import { monotonicNow } from '../../../src/core/clock.ts'
import { newCallId, objectId, siteName, typeName } from '../../../src/core/ids.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { createHostOver } from '../host-over.ts'
import { failing } from '../../contracts/transport.ts'
import { remote, startNode, linkTo } from '../support.ts'
import { chain, type Way } from './chain-object.ts'

const prepared = (t: TestContext) => {
  const host = createLocalHost({ objects: [chain] })
  t.after(() => host.close())
  return (id: string) => remote(host, chain, id)
}

test('a call that comes back sees what the turn has changed, and the turn sees what it changed', async (t) => {
  const at = prepared(t)
  assert.deepEqual(await at('a').roundTrip('b', 10), [1, 11])
  assert.equal(await at('a').count(), 11)
  assert.deepEqual(await at('b').log(), ['called back'])
  assert.deepEqual(await at('a').rows(), [['at-11', 10]])
})

test('a readonly call that comes back sees the turn that it is in', async (t) => {
  const at = prepared(t)
  assert.equal(await at('a').lookAtItself(), 5)
})

test('what a call that came back changed is undone where it failed, and the turn may go on', async (t) => {
  const at = prepared(t)
  assert.equal(await at('a').roundTripFailing('b'), 1)
  assert.equal(await at('a').count(), 1)
  assert.deepEqual(await at('a').rows(), [])
})

test('calls that come back side by side all count', async (t) => {
  const at = prepared(t)
  const others = Array.from({ length: 20 }, (_, index) => `b${index}`)
  assert.equal(await at('a').fanOut(others), 20)
  assert.equal(await at('a').count(), 20)
})

test('a stranger that names the object in its chain waits for its turn like any other', async (t) => {
  const host = createLocalHost({ objects: [chain] })
  t.after(() => host.close())
  // The chain says that it came from chain/a, but no turn of its call is open there.
  const call = { type: 'chain', object: 'a', method: 'add', kind: 'stateful', args: [1] } as const
  const context = { callId: newCallId(), chain: ['chain/a'] }
  assert.equal(await host.call({ ...call, context } as never), 1)
})

const caller = (...chain: readonly string[]): Caller => ({ link: newCallId(), chain, signal: new AbortController().signal })

test('two calls that wait for each other end with an error, not with their deadlines', async () => {
  // Calls of their own, or two that one method makes side by side.
  for (const [one, two] of [
    [caller(), caller()],
    [caller('parent'), caller('parent')],
  ] as const) {
    const turns = createTurns<undefined>()
    const [a, b] = [await turns.take('a', one), await turns.take('b', two)]
    const waiting = turns.take('b', caller(...one.chain, one.link))
    await failing(turns.take('a', caller(...two.chain, two.link)), 'call-cycle')
    // The one that was refused gives up what it holds, and the other goes on; nobody behind it is forgotten.
    b.end()
    const taken = await waiting
    taken.end()
    a.end()
    const after = await turns.take('a', caller())
    after.end()
  }
})

test('calls to an object that a sibling holds wait, and are no cycle, whatever others of their kind wait for', async () => {
  const turns = createTurns<undefined>()
  const [first, second, third] = [caller('parent'), caller('parent'), caller('parent')]
  const [held, other] = [await turns.take('c', first), await turns.take('d', second)]
  const waiting = [turns.take('c', third), turns.take('c', caller(...second.chain, second.link))]
  assert.equal(turns.heldBy('c', third), undefined)
  assert.equal(turns.heldBy('c', caller(first.link)), held)
  held.end()
  for (const turn of waiting) (await turn).end()
  other.end()
})

test('calls that a method outside of any turn makes side by side have a turn each', async (t) => {
  const at = prepared(t)
  await at('a').add(1)
  // Neither is undone with the other, nor sees what is not committed.
  assert.deepEqual(await at('a').sideBySide(), ['failed', 3, 1])
  assert.equal(await at('a').count(), 3)
  assert.deepEqual(await at('a').rows(), [
    ['at-1', 1],
    ['at-3', 2],
  ])
})

test('a chain of 64 calls over two nodes returns, and one that comes back again and again', async (t) => {
  const ports = await Promise.all([startNode(t, { name: 'one', objects: [chain] }), startNode(t, { name: 'two', objects: [chain] })])
  const addresses = Object.fromEntries(ports.map(({ name, address }) => [name, address]))
  await Promise.all(ports.map((node) => node.close()))
  const nodes = await Promise.all(
    ['one', 'two'].map((name) =>
      startNode(t, {
        name,
        objects: [chain],
        listen: addresses[name]!,
        peers: Object.fromEntries(Object.entries(addresses).filter(([other]) => other !== name)),
      }),
    ),
  )
  const [one] = nodes
  const link = linkTo(t, one!.address)
  const way: Way = Array.from({ length: 64 }, (_, index) => [`c${index}`, index % 2 === 0 ? 'two' : 'one'])
  const passed = await remote(link, chain, 'start', { timeoutMs: 600_000 }).along(way)
  assert.equal(passed.length, 65)
  assert.equal(passed[0], 'c63')
  // 16 such chains at once, on the same two objects: they come back to each 16 times.
  const back: Way = Array.from({ length: 32 }, (_, index) => [`d${index % 2}`, index % 2 === 0 ? 'two' : 'one'])
  await Promise.all(Array.from({ length: 16 }, () => remote(link, chain, 'd1', { timeoutMs: 600_000 }).along(back)))
  assert.equal(await remote(link, chain, 'd1').count(), 16 * 17)
})

test('a nested call has the call id, the trace context and the time of the one it is made in', async (t) => {
  const seen: { callId: string; traceParent: string | undefined; deadline: number | undefined; chain: readonly string[] }[] = []
  const host = createLocalHost({ objects: [chain] })
  t.after(() => host.close())
  const watched: Transport = {
    ...host,
    call: (call) => {
      seen.push({ ...call.context, deadline: call.context.deadline, traceParent: call.context.traceParent })
      return host.call(call)
    },
  }
  const outer = createHostOver(memoryStore(), [chain], new Map([[siteName('other'), watched]]), 'outer')
  t.after(() => outer.close())
  const traceParent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const callId = newCallId()
  const deadline = monotonicNow() + 5000
  await outer.call({
    type: typeName('chain'),
    object: objectId('a'),
    method: 'along',
    kind: 'stateful',
    args: [[['b', 'other']]],
    context: { callId, chain: [], deadline, traceParent },
  })
  const [nested] = seen
  assert.deepEqual([nested?.callId, nested?.traceParent], [callId, traceParent])
  assert.match(nested?.chain.join(' ') ?? '', /^chain\/a#[\w-]+$/)
  assert.equal(nested?.deadline, deadline)
})

test('where one of several calls that came back side by side fails, the turn fails: nobody can tell their changes apart', async (t) => {
  const at = prepared(t)
  await at('a').add(1)
  await failing(at('a').fanOutFailing(['b', 'c']), 'method-threw')
  assert.equal(await at('a').count(), 1)
  assert.deepEqual(await at('a').rows(), [['at-1', 1]])
})

test('a call within a call is admitted where no more calls from outside are', async (t) => {
  const node = await startNode(t, { objects: [chain], limits: { calls: 2 } })
  const link = linkTo(t, node.address)
  const way: Way = Array.from({ length: 10 }, (_, index) => [`n${index}`, 'node'])
  const chains = [remote(link, chain, 'x').along(way), remote(link, chain, 'y').along(way.map(([id, site]) => [`y${id}`, site]))]
  assert.deepEqual(
    (await Promise.all(chains)).map((passed) => passed.length),
    [11, 11],
  )
})
