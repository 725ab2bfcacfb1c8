import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { newCallId } from '../../../src/core/ids.ts'
import type { CallOptions } from '../../../src/core/remote.ts'
import { createLocalHost } from '../../../src/storage-node/local-host.ts'
import { createTurns } from '../../../src/storage-node/objects/turns.ts'
import { createProbe, outOfTime } from '../../contracts/probe.ts'
import { failing } from '../../contracts/transport.ts'
import { remote } from '../support.ts'

const prepared = (t: TestContext) => {
  const { type, seen } = createProbe()
  const host = createLocalHost({ objects: [type] })
  t.after(() => host.close())
  return {
    seen,
    host,
    main: remote(host, type),
    other: remote(host, type, 'other'),
    with: (options: CallOptions) => remote(host, type, 'main', options),
  }
}

test('100 increments at once give 100', async (t) => {
  const { main } = prepared(t)
  const results = await Promise.all(Array.from({ length: 100 }, () => main.slowAdd(1)))
  assert.deepEqual(
    results,
    Array.from({ length: 100 }, (_, index) => index + 1),
  )
  assert.equal(await main.count(), 100)
  assert.equal(await main.version(), 100)
})

test('a caller that gives up waiting is answered at once, never has a turn, and holds up nobody behind it', async () => {
  const turns = createTurns<undefined>()
  const controller = new AbortController()
  const take = (signal: AbortSignal) => turns.take('a', { link: newCallId(), chain: [], signal })
  const patient = new AbortController().signal
  const first = await take(patient)
  const second = take(controller.signal)
  const third = take(patient)
  controller.abort()
  await failing(second, 'cancelled')
  first.end()
  ;(await third).end()
})

test('turns of one object come in the order asked, those of another do not wait', async () => {
  const turns = createTurns<undefined>()
  const take = (object: string) => turns.take(object, { link: newCallId(), chain: [], signal: new AbortController().signal })
  const order: string[] = []
  const first = await take('a')
  const waiting = ['second', 'third'].map(async (name) => {
    const turn = await take('a')
    order.push(name)
    turn.end()
  })
  const other = await take('b')
  order.push('other')
  other.end()
  first.end()
  await Promise.all(waiting)
  assert.deepEqual(order, ['other', 'second', 'third'])
})

test('readers do not wait for a turn, and see the last committed state', async (t) => {
  const { main, seen } = prepared(t)
  await main.add(1)
  const turn = main.addGated(10)
  await seen.waiting.promise
  assert.equal(await main.count(), 1)
  seen.opened.resolve()
  assert.equal(await turn, 11)
  assert.equal(await main.count(), 11)
})

test('a method that throws changes neither state nor tables nor version, and the next turn goes on', async (t) => {
  const { main } = prepared(t)
  await main.add(1)
  await failing(main.addThenFail(5), 'method-threw')
  assert.equal(await main.count(), 1)
  assert.equal(await main.version(), 1)
  assert.deepEqual(await main.rows(), [])
  assert.equal(await main.add(1), 2)
})

test('a first method that throws leaves no object', async (t) => {
  const { other } = prepared(t)
  await failing(other.addThenFail(5), 'method-threw')
  await failing(other.count(), 'not-found')
})

test('state that cannot be kept is refused, and nothing is changed', async (t) => {
  const { main } = prepared(t)
  await main.add(1)
  // NaN is a value, half a surrogate pair is none.
  await failing(main.put('key', '\ud800'), 'invalid-argument')
  assert.deepEqual(await main.rows(), [])
  assert.equal(await main.version(), 1)
})

test('table rows are committed with the state, in the order of their UTF-8 bytes', async (t) => {
  const { main } = prepared(t)
  for (const key of ['b', '🐟', 'a', 'ÿ', '�']) await main.put(key, key)
  await main.remove('b')
  assert.deepEqual(
    (await main.rows()).map(([key]) => key),
    ['a', 'ÿ', '�', '🐟'],
  )
  for (const key of ['', 'a\0b']) await failing(main.put(key, 1), 'invalid-argument')
})

test('a call repeated with its idempotency key runs once and returns the recorded result', async (t) => {
  const { main, seen, with: options } = prepared(t)
  const keyed = options({ idempotencyKey: 'order-1' })
  assert.equal(await keyed.add(5), 5)
  await main.add(1)
  assert.equal(await keyed.add(5), 5)
  assert.deepEqual(await Promise.all([keyed.add(5), keyed.add(5)]), [5, 5])
  assert.equal(seen.ran, 2)
  assert.equal(await main.count(), 6)
  assert.equal(await options({ idempotencyKey: 'order-2' }).add(5), 11)
})

test('repeats of one key side by side run once', async (t) => {
  const { main, seen, with: options } = prepared(t)
  assert.deepEqual(
    await Promise.all(Array.from({ length: 20 }, () => options({ idempotencyKey: 'k' }).add(1))),
    Array.from({ length: 20 }, () => 1),
  )
  assert.equal(seen.ran, 1)
  assert.equal(await main.count(), 1)
})

test('a keyed call that threw recorded nothing, and may be repeated', async (t) => {
  const { main, with: options } = prepared(t)
  await failing(options({ idempotencyKey: 'k' }).addThenFail(1), 'method-threw')
  assert.equal(await options({ idempotencyKey: 'k' }).add(2), 2)
  assert.equal(await main.count(), 2)
})

test('a call that expects another version is refused with the actual one', async (t) => {
  const { main, with: options } = prepared(t)
  await main.add(1)
  await main.add(1)
  const error = await failing(options({ expectedVersion: 1 }).add(1), 'version-mismatch')
  assert.deepEqual(error.details, { actual: 2 })
  await failing(options({ expectedVersion: 1 }).count(), 'version-mismatch')
  assert.equal(await options({ expectedVersion: 2 }).add(1), 3)
  assert.equal(await main.count(), 3)
})

test('of two writers that expect the same version, one wins', async (t) => {
  const { main, with: options } = prepared(t)
  await main.add(1)
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => options({ expectedVersion: 1 }).slowAdd(1)))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal(await main.count(), 2)
})

test('an older fencing token than the object has seen is refused', async (t) => {
  const { main, with: options } = prepared(t)
  await options({ fencingToken: 5 }).add(1)
  await options({ fencingToken: 5 }).add(1)
  await options({ fencingToken: 7 }).add(1)
  const error = await failing(options({ fencingToken: 6 }).add(1), 'fenced')
  assert.match(error.message, /6 is older than 7/)
  assert.equal(await main.count(), 3)
})

test('a token is kept even where the method changes nothing else', async (t) => {
  const { main, with: options } = prepared(t)
  await main.add(1)
  await options({ fencingToken: 9 }).add(0)
  await failing(options({ fencingToken: 8 }).add(1), 'fenced')
})

test('objects call each other within a turn, and a chain that comes back goes on in that turn', async (t) => {
  const { main, other } = prepared(t)
  assert.equal(await main.addVia('other', 3), 3)
  assert.equal(await other.count(), 3)
  assert.equal(await main.addVia('main', 1), 1)
  assert.equal(await main.add(1), 2)
})

test('a nested call has the deadline and the cancellation of its caller', async (t) => {
  const first = prepared(t)
  const controller = new AbortController()
  const call = first.with({ signal: controller.signal }).waitVia('other')
  await first.seen.waiting.promise
  controller.abort()
  await failing(call, 'cancelled')
  assert.equal(await first.seen.aborted.promise, 'cancelled')

  const second = prepared(t)
  await outOfTime(second.seen, (timeoutMs) => failing(second.with({ timeoutMs }).waitVia('other'), 'deadline-exceeded'))
  assert.equal(await second.seen.aborted.promise, 'deadline-exceeded')
})

test('a call that gives up while it waits for its turn never runs', async (t) => {
  const { main, seen, with: options } = prepared(t)
  const turn = main.addGated(1)
  await seen.waiting.promise
  const controller = new AbortController()
  const waiting = options({ signal: controller.signal }).add(100)
  controller.abort()
  await failing(waiting, 'cancelled')
  seen.opened.resolve()
  await turn
  assert.equal(await main.count(), 1)
  assert.equal(await main.add(1), 2)
  assert.equal(seen.ran, 1)
})
