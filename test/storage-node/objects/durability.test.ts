import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { defineObject } from '../../../src/core/define.ts'
import { failure } from '../../../src/core/errors.ts'
import { integer, object } from '../../../src/core/schema.ts'
import { newCallId, objectId } from '../../../src/core/ids.ts'
import type { CallOptions } from '../../../src/core/remote.ts'
import { createHostOver } from '../host-over.ts'
import { controlledStore } from '../store/fake-stores.ts'
import { failing } from '../../contracts/transport.ts'
import { deferred, remote } from '../support.ts'

const counter = () => {
  const began: number[] = []
  const type = defineObject({
    name: 'counter',
    state: () => ({ count: 0 }),
    schema: object({ count: integer() }),
    methods: {
      add(self, amount: number): number {
        began.push(amount)
        self.state.count += amount
        return self.state.count
      },
      peek: (self): number => self.state.count,
    },
    readonly: { count: (self) => self.state.count },
  })
  return { type, began }
}

const prepared = (t: TestContext) => {
  const disk = controlledStore()
  const { type, began } = counter()
  const host = createHostOver(disk.store, [type])
  t.after(() => host.close())
  const create = () =>
    host.call({
      type: type.name,
      object: objectId('main'),
      method: '$create',
      kind: 'stateful',
      args: [],
      context: { callId: newCallId(), chain: [] },
    })
  return { disk, began, main: (options: CallOptions = {}) => remote(host, type, 'main', options), create, host }
}
/** Whether a promise has settled when everything that can go on has gone on. */
const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false
  promise.then(() => (done = true)).catch(() => (done = true))
  for (let moment = 0; moment < 5; moment++) await new Promise((resolve) => setImmediate(resolve))
  return done
}

test('a call is answered when its change is on disk, and the next turn does not wait for that', async (t) => {
  const { disk, began, main } = prepared(t)
  const first = main().add(1)
  const commit = await disk.next()
  const second = main().add(10)
  assert.equal(await settled(second), false)
  assert.deepEqual(began, [1, 10])
  assert.equal(await settled(first), false)
  commit.succeed()
  assert.equal(await first, 1)
  assert.equal(await settled(second), false)
  ;(await disk.next()).succeed()
  assert.equal(await second, 11)
})

test('a reader sees nothing that is not on disk, and everything that was acknowledged', async (t) => {
  const { disk, main } = prepared(t)
  const first = main().add(1)
  ;(await disk.next()).succeed()
  await first
  const second = main().add(1)
  const commit = await disk.next()
  const read = main().count()
  assert.equal(await settled(read), false)
  commit.succeed()
  assert.equal(await read, 2)
  assert.equal(await second, 2)
})

test('a stateful call that changes nothing still waits for what it has read', async (t) => {
  const { disk, main } = prepared(t)
  const first = main().add(1)
  const commit = await disk.next()
  const peek = main().peek()
  assert.equal(await settled(peek), false)
  commit.succeed()
  assert.equal(await first, 1)
  // The turn of peek made the object's state no other: there is nothing more to write.
  assert.equal(await peek, 1)
})

test('a lost commit fails the calls that have read it, and the object is as it was', async (t) => {
  const { disk, began, main } = prepared(t)
  const first = main().add(1)
  const commit = await disk.next()
  const second = main().add(10)
  const reading = main().count()
  await settled(second)
  commit.fail(failure('storage-failed', 'the disk broke'))
  await failing(first, 'storage-failed')
  await failing(second, 'storage-failed')
  await failing(reading, 'not-found')
  const again = main().add(100)
  ;(await disk.next()).succeed()
  assert.equal(await again, 100)
  assert.deepEqual(began, [1, 10, 100])
})

test('a turn that has read what was lost while it ran is refused', async (t) => {
  const disk = controlledStore()
  const [begun, go] = [deferred(), deferred()]
  const type = defineObject({
    name: 'slow',
    state: () => ({ count: 0 }),
    schema: object({ count: integer() }),
    methods: {
      add(self, amount: number): number {
        return (self.state.count += amount)
      },
      async slowAdd(self, amount: number): Promise<number> {
        begun.resolve()
        await go.promise
        return (self.state.count += amount)
      },
    },
  })
  const host = createHostOver(disk.store, [type])
  t.after(() => host.close())
  const main = remote(host, type)
  const first = main.add(1)
  const commit = await disk.next()
  const second = main.slowAdd(10)
  await begun.promise
  commit.fail(failure('storage-failed', 'the disk broke'))
  await failing(first, 'storage-failed')
  go.resolve()
  await failing(second, 'storage-failed')
  assert.equal(disk.asked.length, 0)
})

test('with async durability the reply comes first, readers still see only what is on disk, and flush waits', async (t) => {
  const { disk, main, host } = prepared(t)
  assert.equal(await main({ durability: 'async' }).add(1), 1)
  assert.equal(await main({ durability: 'async' }).add(1), 2)
  const read = main().count()
  const flushed = host.call({
    type: 'site',
    object: 'main',
    method: 'flush',
    kind: 'movable',
    args: [],
    context: { callId: 'flush-call-1', chain: [] },
  } as never)
  assert.equal(await settled(read), false)
  assert.equal(await settled(flushed), false)
  ;(await disk.next()).succeed()
  // The second may have gone into a batch of its own.
  if (!(await settled(read))) (await disk.next()).succeed()
  assert.equal(await read, 2)
  await flushed
})

test('a repeat of a keyed call waits until the first one is on disk', async (t) => {
  const { disk, began, main } = prepared(t)
  const first = main({ idempotencyKey: 'k' }).add(1)
  const commit = await disk.next()
  const again = main({ idempotencyKey: 'k' }).add(1)
  assert.equal(await settled(again), false)
  commit.succeed()
  assert.deepEqual(await Promise.all([first, again]), [1, 1])
  assert.deepEqual(began, [1])
})

test('a repeat of a keyed call that was lost runs again', async (t) => {
  const { disk, began, main } = prepared(t)
  const first = main({ idempotencyKey: 'k' }).add(1)
  const commit = await disk.next()
  const again = main({ idempotencyKey: 'k' }).add(1)
  await settled(again)
  commit.fail(failure('storage-failed', 'the disk broke'))
  await failing(first, 'storage-failed')
  // The repeat found a result which was lost with the commit.
  await failing(again, 'storage-failed')
  const third = main({ idempotencyKey: 'k' }).add(1)
  ;(await disk.next()).succeed()
  assert.equal(await third, 1)
  assert.deepEqual(began, [1, 1])
})

test('an error that tells of a change comes when the change is on disk, as a result does', async (t) => {
  const { disk, create } = prepared(t)
  const first = create()
  const commit = await disk.next()
  const second = create()
  assert.equal(await settled(second), false)
  commit.succeed()
  await first
  await failing(second, 'already-exists')
})

test('an error that told of a change which is lost is another error', async (t) => {
  const { disk, create } = prepared(t)
  const first = create()
  const commit = await disk.next()
  const second = create()
  await settled(second)
  commit.fail(failure('storage-failed', 'the disk broke'))
  await failing(first, 'storage-failed')
  await failing(second, 'storage-failed')
})

test('an error of a turn that had read what was lost while it ran is another error', async (t) => {
  const disk = controlledStore()
  const [begun, go] = [deferred(), deferred()]
  const type = defineObject({
    name: 'telling',
    state: () => ({ count: 0 }),
    schema: object({ count: integer() }),
    methods: {
      add: (self, amount: number): number => (self.state.count += amount),
      async tellByError(self): Promise<void> {
        const { count } = self.state
        begun.resolve()
        await go.promise
        throw new Error(`the count is ${count}`)
      },
    },
  })
  const host = createHostOver(disk.store, [type])
  t.after(() => host.close())
  const first = remote(host, type).add(1)
  const commit = await disk.next()
  const second = remote(host, type).tellByError()
  await begun.promise
  commit.fail(failure('storage-failed', 'the disk broke'))
  await failing(first, 'storage-failed')
  go.resolve()
  await failing(second, 'storage-failed')
})
