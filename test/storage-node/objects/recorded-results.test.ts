import assert from 'node:assert/strict'
import { mock, test, type TestContext } from 'node:test'
import { defineObject } from '../../../src/core/define.ts'
import { newCallId, objectId, typeName } from '../../../src/core/ids.ts'
import type { CallOptions } from '../../../src/core/remote.ts'
import { integer, object } from '../../../src/core/schema.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import type { Call } from '../../../src/core/transport.ts'
import type { Value } from '../../../src/core/value.ts'
import { createRecordSweeper, recordedResult, type RecordLimits, recordOf } from '../../../src/storage-node/objects/recorded-results.ts'
import { createCommitQueue } from '../../../src/storage-node/store/commit-queue.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { keyOf } from '../../../src/storage-node/store/store.ts'
import { toBytes } from '../../../src/wire/stored.ts'
import { failing } from '../../contracts/transport.ts'
import { createHostOver } from '../host-over.ts'
import { remote } from '../support.ts'

const callOf = (args: readonly Value[] = [], method = 'add'): Call => ({
  type: typeName('t'),
  object: objectId('o'),
  method,
  kind: 'stateful',
  args,
  context: { callId: newCallId(), chain: [] },
})
const prepared = (t: TestContext, limits: RecordLimits) => {
  const queue = createCommitQueue(memoryStore())
  const sweeper = createRecordSweeper(queue, limits)
  t.after(() => sweeper.stop())
  const record = async (key: string, age = 0) => {
    const write = recordOf(callOf(), key, Buffer.alloc(64))
    write.value!.writeDoubleBE(write.value!.readDoubleBE() - age)
    await queue.commit([write], queue.generation).durable
    sweeper.recorded(write)
  }
  return { queue, sweeper, record, has: (key: string) => recordedResult(queue, callOf(), key) !== undefined }
}

test('over the limit of bytes the oldest results are evicted, within a minute too, and no more than needed', async (t) => {
  const { sweeper, record, has } = prepared(t, { bytes: 3000 })
  const keys = Array.from({ length: 40 }, (_, index) => `k${String(index).padStart(2, '0')}`)
  // Ages within one minute, and some within another.
  for (const [index, key] of keys.entries()) await record(key, (keys.length - index) * 100 + (index < 10 ? 120_000 : 0))
  const gone = await sweeper.sweep()
  const left = keys.filter(has)
  assert.equal(left.length, keys.length - gone)
  assert.deepEqual(left, keys.slice(gone), 'the newest stay')
  // A row is its key and 90 bytes and more of value: about 24 of them are 3,000 bytes.
  assert.ok(left.length >= 15 && left.length <= 30, `${left.length} are left`)
  assert.equal(await sweeper.sweep(), 0, 'nothing is over the limit now')
})

test('results over their time are deleted, and a row that is none does not stop that', async (t) => {
  const { queue, sweeper, record, has } = prepared(t, { ttlMs: 1000 })
  await record('old', 5000)
  await record('new')
  await queue.commit([{ key: keyOf('result', 't', 'o', 'bad'), value: Buffer.from('x') }], queue.generation).durable
  assert.equal(await sweeper.sweep(), 2)
  assert.deepEqual([has('old'), has('new')], [false, true])
})

test('a wall clock that jumps a day ahead drops no fresh results', async (t) => {
  const { sweeper, record, has } = prepared(t, { ttlMs: 24 * 3600_000 })
  await record('fresh')
  const real = Date.now()
  mock.method(Date, 'now', () => real + 25 * 3600_000)
  t.after(() => mock.restoreAll())
  assert.equal(await sweeper.sweep(), 0)
  assert.ok(has('fresh'))
})

test('a key that comes again with another method or other arguments is refused', () => {
  const args: readonly Value[] = [5, { deep: [new Tensor('float32', Float32Array.of(1, 2), [2])] }, Buffer.alloc(5000, 'a')]
  const write = recordOf(callOf(args), 'k', 'done')
  const view = { get: (key: string) => (key === write.key ? write.value : undefined) }
  assert.deepEqual(recordedResult(view, callOf(args), 'k'), { result: 'done' })
  const others: readonly Call[] = [
    callOf(args, 'withdraw'),
    callOf(args.slice(0, 2)),
    callOf([6, ...args.slice(1)]),
    callOf([5, { deep: [new Tensor('float32', Float32Array.of(1, 3), [2])] }, args[2]]),
    callOf([5, { deep: [new Tensor('float32', Float32Array.of(1, 2), [2, 1])] }, args[2]]),
    callOf([5, args[1], Buffer.alloc(5000, 'b')]),
  ]
  for (const other of others)
    assert.throws(() => recordedResult(view, other, 'k'), { code: 'invalid-argument', message: /use a new key for each call/ })
})

test('a result that an older version recorded is found', () => {
  const call = callOf()
  const value = Buffer.concat([Buffer.alloc(8), toBytes('old result')])
  value.writeDoubleBE(Date.now())
  assert.deepEqual(recordedResult({ get: () => value }, call, 'k'), { result: 'old result' })
})

const box = defineObject({
  name: 'box',
  state: () => ({ count: 0 }),
  schema: object({ count: integer() }),
  methods: {
    add: (self, amount: number): number => (self.state.count += amount),
    withdraw: (self, amount: number): number => (self.state.count -= amount),
  },
  readonly: { count: (self) => self.state.count },
})

test('an object refuses the key of another call, and keeps its state', async (t) => {
  const host = createHostOver(memoryStore(), [box])
  t.after(() => host.close({ graceMs: 10 }))
  const at = (options: CallOptions = {}) => remote(host, box, 'a', options)
  assert.equal(await at({ idempotencyKey: 'order-17' }).add(100), 100)
  assert.equal(await at({ idempotencyKey: 'order-17' }).add(100), 100)
  await failing(at({ idempotencyKey: 'order-17' }).withdraw(30), 'invalid-argument')
  await failing(at({ idempotencyKey: 'order-17' }).add(5), 'invalid-argument')
  assert.equal(await at().count(), 100)
})

test('a row of a moving object that is no recorded result is refused; one with a time to come gets the present', async (t) => {
  const store = memoryStore()
  const host = createHostOver(store, [box])
  t.after(() => host.close({ graceMs: 10 }))
  const send = (what: Value) =>
    host.call({
      type: typeName('box'),
      object: objectId('x'),
      method: '$receive',
      kind: 'stateful',
      args: ['m1', 'elsewhere', what],
      context: { callId: newCallId(), chain: [] },
    })
  await send({ begin: true })
  const row = (at: number, result: Buffer) => {
    const value = Buffer.concat([Buffer.alloc(8), result])
    value.writeDoubleBE(at)
    return value
  }
  const bad: readonly (readonly [string, Buffer])[] = [
    ['k\0', Buffer.from('x')],
    ['k\0', row(NaN, toBytes(1))],
    ['k\0', row(-1, toBytes(1))],
    ['k\0', row(5, Buffer.from('no value'))],
    ['k', row(5, toBytes(1))],
    ['k\0more\0', row(5, toBytes(1))],
  ]
  for (const [key, value] of bad) await failing(send({ results: [[Buffer.from(key, 'latin1'), value]] }), 'malformed-message')
  const before = Date.now()
  await send({ results: [[Buffer.from('k\0', 'latin1'), row(1e300, toBytes(1))]] })
  const kept = store.get(keyOf('result', 'box', 'x', 'k'))!
  assert.ok(kept.readDoubleBE() <= Date.now() + 1000 && kept.readDoubleBE() >= before - 1000)
})
