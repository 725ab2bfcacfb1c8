import assert from 'node:assert/strict'
import { test } from 'node:test'
import { monotonicNow } from '../../src/core/clock.ts'
import { defineObject } from '../../src/core/define.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { newCallId } from '../../src/core/ids.ts'
import { type CallOptions, type Parent, recipeOf, remoteOf, withCall } from '../../src/core/remote.ts'
import type { Call, Transport } from '../../src/core/transport.ts'

const photos = defineObject({
  name: 'photos',
  state: () => ({ served: 0 }),
  schema: { type: 'object', properties: { served: { type: 'integer' } } },
  methods: { tag: (_self, key: string, label?: string) => `${key} ${label}` },
  movable: {
    embed: async (_self, key: string) => key.length,
    async *batches(_self, keys: readonly string[]) {
      yield* keys
    },
  },
})

/** A stub whose transport writes down what it is asked. */
const recorded = (options?: CallOptions, parent?: Parent) => {
  const calls: Call[] = []
  const routes: CallOptions[] = []
  const transport: Transport = {
    call: async (call) => (calls.push(call), call.method),
    async *stream(call) {
      calls.push(call)
      yield* call.args
    },
    close: async () => {},
  }
  const route = (given: CallOptions) => (routes.push(given), transport)
  return { calls, routes, stub: remoteOf(photos, 'train', route, options, parent) }
}

test('a stub is a frozen plain object with the declared methods and nothing else', () => {
  const { stub } = recorded()
  assert.deepEqual(Object.keys(stub), ['tag', 'embed', 'batches'])
  assert.equal(Object.getPrototypeOf(stub), Object.prototype)
  assert.ok(Object.isFrozen(stub))
  assert.equal((stub as Record<string, unknown>)['embd'], undefined)
})

test('awaiting a stub or turning it into JSON makes no call', async () => {
  const { stub, calls } = recorded()
  assert.equal(await Promise.resolve(stub), stub)
  assert.equal(JSON.stringify(stub), '{}')
  assert.equal(calls.length, 0)
})

test('a call carries type, object, method, kind and arguments; the id is its own, or that of the call it is made in', async () => {
  const parent = newCallId()
  const { stub, calls } = recorded({}, { callId: parent, chain: ['outer/a'], deadline: undefined })
  await stub.tag('cat', 'pet')
  await stub.embed('dog')
  const shown = calls.map(({ type, object, method, kind, args, context }) => ({ type, object, method, kind, args, chain: context.chain }))
  const common = { type: 'photos', object: 'train', chain: ['outer/a'] }
  assert.deepEqual(shown, [
    { ...common, method: 'tag', kind: 'stateful', args: ['cat', 'pet'] },
    { ...common, method: 'embed', kind: 'movable', args: ['dog'] },
  ])
  assert.deepEqual(
    calls.map(({ context }) => context.callId),
    [parent, parent],
  )
  const own = recorded()
  await own.stub.tag('cat', 'pet')
  await own.stub.tag('cat', 'pet')
  assert.notEqual(own.calls[0]?.context.callId, own.calls[1]?.context.callId)
})

test('an async generator is called as a stream', async () => {
  const { stub, calls } = recorded()
  const received: unknown[] = []
  for await (const item of stub.batches(['a', 'b'])) received.push(item)
  assert.deepEqual(received, [['a', 'b']])
  assert.equal(calls[0]?.method, 'batches')
})

test('withCall gives another stub of the same object, with the options of both', async () => {
  const { stub, calls, routes } = recorded({ timeoutMs: 1000, place: 'node' })
  const other = withCall(stub, { timeoutMs: 50, idempotencyKey: 'k', expectedVersion: 4, fencingToken: 9 })
  const before = monotonicNow()
  await other.embed('cat')
  await stub.embed('cat')
  assert.deepEqual(routes, [
    { timeoutMs: 1000, place: 'node' },
    { timeoutMs: 50, place: 'node', idempotencyKey: 'k', expectedVersion: 4, fencingToken: 9 },
  ])
  const contexts = calls.map(({ context: { callId: _, deadline: __, ...rest } }) => rest)
  assert.deepEqual(contexts, [{ chain: [], idempotencyKey: 'k', expectedVersion: 4, fencingToken: 9 }, { chain: [] }])
  const passed = monotonicNow() - before
  for (const [index, timeoutMs] of [50, 1000].entries()) {
    const given = (calls[index]?.context.deadline ?? 0) - before
    assert.ok(given >= timeoutMs && given <= timeoutMs + passed, `${given}`)
  }
  assert.equal(recipeOf(other).id, 'train')
})

test('the earliest of the limits of a call counts: its time, its moment, and that of the call it is made in', async () => {
  const deadlineOf = async (options: CallOptions, parent?: number) => {
    const { stub, calls } = recorded(options, { callId: newCallId(), chain: [], deadline: parent })
    await stub.embed('cat')
    return calls[0]?.context.deadline
  }
  assert.equal(await deadlineOf({}), undefined)
  assert.equal(await deadlineOf({ deadline: 7 }), 7)
  assert.equal(await deadlineOf({ deadline: 7, timeoutMs: 1e6 }), 7)
  assert.equal(await deadlineOf({ deadline: 7 }, 5), 5)
  assert.equal(await deadlineOf({ deadline: 7, timeoutMs: 1e6 }, 9), 7)
  assert.equal(await deadlineOf({}, 9), 9)
  assert.equal(await deadlineOf({ timeoutMs: 1e6 }, 9), 9)
})

test('what is no stub, or has a bad object name, is refused', () => {
  const { stub } = recorded()
  const refused = (error: unknown) => isActiveStorageError(error, 'invalid-argument')
  assert.throws(() => withCall({ ...stub }, {}), refused)
  assert.throws(() => remoteOf(photos, '../train', recipeOf(stub).route), refused)
})
