import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MethodKind } from '../../src/core/define.ts'
import { type ActiveStorageError, failure, failureWith } from '../../src/core/errors.ts'
import { newCallId, objectId, typeName } from '../../src/core/ids.ts'
import type { Call, CallContext, Transport } from '../../src/core/transport.ts'
import { createBreaker } from '../../src/link/breaker.ts'
import { resilient, type ResilienceOptions } from '../../src/link/resilient.ts'
import { failing } from '../contracts/transport.ts'

const callOf = (kind: MethodKind, context: Partial<CallContext> = {}): Call => ({
  type: typeName('probe'),
  object: objectId('main'),
  method: 'echo',
  kind,
  args: [],
  context: { callId: newCallId(), chain: [], ...context },
})

/** A transport that fails with each of these in turn, then answers 'ok'. */
const failingWith = (errors: readonly ActiveStorageError[], options: Partial<ResilienceOptions> = {}) => {
  const left = [...errors]
  const made: { at: number; budgetMs: number | undefined }[] = []
  const next = (call: Call) => {
    made.push({ at: performance.now(), budgetMs: call.context.budgetMs })
    return left.shift()
  }
  const inner: Transport = {
    call: (call) => {
      const error = next(call)
      return error === undefined ? Promise.resolve('ok') : Promise.reject(error)
    },
    async *stream(call) {
      yield 1
      const error = next(call)
      if (error !== undefined) throw error
    },
    close: () => Promise.resolve(),
  }
  const breaker = options.breaker ?? createBreaker({ failures: 1000 })
  return { made, breaker, transport: resilient(inner, { baseMs: 1, ...options, breaker }) }
}
const gone = () => failure('unavailable', 'gone')
const busy = (retryAfterMs: number) => failureWith('overloaded', 'busy', { retryAfterMs })

for (const [title, call] of [
  ['movable', callOf('movable')],
  ['readonly', callOf('readonly')],
  ['idempotency-keyed stateful', callOf('stateful', { idempotencyKey: 'k' })],
] as const) {
  test(`a ${title} call is made again when the site was unavailable`, async () => {
    const { transport, made } = failingWith([gone(), gone()])
    assert.equal(await transport.call(call), 'ok')
    assert.equal(made.length, 3)
  })
}

test('a stateful call without a key is never made again when it may have begun', async () => {
  for (const error of [gone(), failure('worker-died', 'x'), failure('storage-failed', 'x')]) {
    const { transport, made } = failingWith([error])
    await failing(transport.call(callOf('stateful')), error.code)
    assert.equal(made.length, 1)
  }
})

test('a stateful call that was refused at the door is made again', async () => {
  const { transport, made } = failingWith([busy(1)])
  assert.equal(await transport.call(callOf('stateful')), 'ok')
  assert.equal(made.length, 2)
})

test('what would fail again is not made again', async () => {
  for (const error of [
    failure('bad-sample', 'x'),
    failure('deadline-exceeded', 'x'),
    failure('cancelled', 'x'),
    failure('internal', 'x'),
    failureWith('missing-inputs', 'x', { hashes: [] }),
  ]) {
    const { transport, made } = failingWith([error])
    await failing(transport.call(callOf('movable')), error.code)
    assert.equal(made.length, 1)
  }
})

test('no more tries than were allowed', async () => {
  const { transport, made } = failingWith(Array.from({ length: 9 }, gone), { attempts: 4 })
  await failing(transport.call(callOf('movable')), 'unavailable')
  assert.equal(made.length, 4)
})

test('the time that an overloaded site asks for is waited', async () => {
  const { transport, made } = failingWith([busy(60)])
  assert.equal(await transport.call(callOf('movable')), 'ok')
  assert.ok(made[1]!.at - made[0]!.at >= 59, `${made[1]!.at - made[0]!.at} ms`)
})

test('a wait that would outlast the deadline is not begun', async () => {
  const { transport, made } = failingWith([busy(60_000)])
  await failing(transport.call(callOf('movable', { budgetMs: 1000 })), 'overloaded')
  assert.equal(made.length, 1)
})

test('each try has the time that is left, and a call without a deadline gets one', async () => {
  const { transport, made } = failingWith([busy(30)], { timeoutMs: 5000 })
  await transport.call(callOf('movable', { budgetMs: 1000 }))
  const [first, second] = made.map(({ budgetMs }) => budgetMs ?? Infinity)
  assert.ok(first !== undefined && second !== undefined && first <= 1000 && second <= first - 29, `${first}, ${second}`)
  await transport.call(callOf('movable'))
  assert.ok((made[2]?.budgetMs ?? Infinity) <= 5000 && (made[2]?.budgetMs ?? 0) > 4000)
  for await (const _ of transport.stream(callOf('movable'))) assert.ok(true)
  assert.ok((made[3]?.budgetMs ?? Infinity) <= 5000)
})

test('repeats are bounded over all calls: a site in trouble gets a tenth more load', async () => {
  const { transport, made } = failingWith(Array.from({ length: 100_000 }, gone), { attempts: 2 })
  const calls = 200
  for (let i = 0; i < calls; i++) await failing(transport.call(callOf('movable')), 'unavailable')
  const repeats = made.length - calls
  assert.ok(repeats >= 10 && repeats <= 10 + calls / 10, `${repeats} repeats`)
})

test('a caller that gives up during a pause is cancelled at once', async () => {
  const controller = new AbortController()
  const { transport, made } = failingWith([busy(30_000)])
  const call = transport.call(callOf('movable', { signal: controller.signal }))
  setImmediate(() => controller.abort())
  await failing(call, 'cancelled')
  assert.equal(made.length, 1)
})

test('a site that does not answer is not asked any more, and calls fail at once', async () => {
  const { transport, made, breaker } = failingWith(Array.from({ length: 99 }, gone), {
    breaker: createBreaker({ failures: 3 }),
    attempts: 1,
  })
  for (let i = 0; i < 10; i++) await failing(transport.call(callOf('movable')), 'unavailable')
  assert.equal(made.length, 3)
  assert.equal(breaker.up, false)
  const read = async () => {
    for await (const _ of transport.stream(callOf('movable'))) assert.fail('nothing is asked of it')
  }
  await failing(read(), 'unavailable')
})

test('an error that the site sends shows that it lives', async () => {
  const breaker = createBreaker({ failures: 2 })
  const { transport } = failingWith([gone(), failure('bad-sample', 'x'), gone(), failure('not-found', 'x'), gone()], {
    breaker,
    attempts: 1,
  })
  for (const code of ['unavailable', 'bad-sample', 'unavailable', 'not-found', 'unavailable'] as const)
    await failing(transport.call(callOf('movable')), code)
  assert.ok(breaker.up)
})

test('a stream is never repeated', async () => {
  const { transport, made } = failingWith([gone()])
  const items: unknown[] = []
  const read = async () => {
    for await (const item of transport.stream(callOf('movable'))) items.push(item)
  }
  await failing(read(), 'unavailable')
  assert.deepEqual(items, [1])
  assert.equal(made.length, 1)
})

test('calls that had hardly any time do not stop the trying of a site, a site that stays silent does', async () => {
  let now = 0
  const late = () => failure('deadline-exceeded', 'late')
  const breaker = createBreaker({ failures: 5, now: () => now })
  const { transport } = failingWith(Array.from({ length: 18 }, late), { breaker, now: () => now })
  for (let made = 0; made < 10; made++) {
    now += 2
    await failing(transport.call(callOf('readonly')), 'deadline-exceeded')
  }
  assert.equal(breaker.up, true)
  now += 1000
  for (let made = 0; made < 5; made++) await failing(transport.call(callOf('readonly')), 'deadline-exceeded')
  assert.equal(breaker.up, false)
})

test('calls under way are counted once, however often they are tried', async () => {
  const outstanding = { count: 0 }
  const { transport } = failingWith([gone()], { outstanding })
  const answer = transport.call(callOf('readonly'))
  assert.equal(outstanding.count, 1)
  await answer
  assert.equal(outstanding.count, 0)
  for await (const _ of transport.stream(callOf('readonly'))) assert.equal(outstanding.count, 1)
  assert.equal(outstanding.count, 0)
})
