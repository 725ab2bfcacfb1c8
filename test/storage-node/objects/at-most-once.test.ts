import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { defineObject } from '../../../src/core/define.ts'
import { failureWith } from '../../../src/core/errors.ts'
import { integer, object } from '../../../src/core/schema.ts'
import type { CallOptions } from '../../../src/core/remote.ts'
import { createBreaker } from '../../../src/link/breaker.ts'
import { resilient } from '../../../src/link/resilient.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { failing } from '../../contracts/transport.ts'
import { createHostOver } from '../host-over.ts'
import { remote } from '../support.ts'

const counter = defineObject({
  name: 'counter',
  state: () => ({ count: 0 }),
  schema: object({ count: integer() }),
  methods: { add: (self, amount: number): number => (self.state.count += amount) },
  readonly: { count: (self) => self.state.count },
})
/** Each of its methods increments a counter, and then meets a limit: of a nested call, say. */
const caller = defineObject({
  name: 'caller',
  state: () => ({ calls: 0 }),
  schema: object({ calls: integer() }),
  methods: {
    async add(self): Promise<void> {
      await self.object(counter, 'c').add(1)
      throw failureWith('overloaded', 'the other site is full', { retryAfterMs: 1 })
    },
    async *addInSteps(self): AsyncGenerator<number> {
      yield await self.object(counter, 'c').add(1)
      throw failureWith('overloaded', 'the other site is full', { retryAfterMs: 1 })
    },
  },
})

const prepared = (t: TestContext) => {
  const host = createHostOver(memoryStore(), [counter, caller])
  t.after(() => host.close({ graceMs: 10 }))
  const transport = resilient(host, { breaker: createBreaker(), baseMs: 1 })
  return {
    calling: (options: CallOptions = {}) => remote(transport, caller, 'a', options),
    count: () => remote(transport, counter, 'c').count(),
  }
}

test('a call without a key whose nested call was refused as overloaded is made once', async (t) => {
  const { calling, count } = prepared(t)
  const error = await failing(calling().add(), 'resource-exhausted')
  assert.deepEqual(error.details, { retryAfterMs: 1 })
  assert.match(error.message, /the other site is full/)
  assert.equal(await count(), 1)
})

test('a stream is not repeated either, and says the same', async (t) => {
  const { calling, count } = prepared(t)
  const items: number[] = []
  const read = async () => {
    for await (const item of calling().addInSteps()) items.push(item)
  }
  await failing(read(), 'resource-exhausted')
  assert.deepEqual(items, [1])
  assert.equal(await count(), 1)
})

test('a call with a key is repeated', async (t) => {
  const { calling, count } = prepared(t)
  await failing(calling({ idempotencyKey: 'k' }).add(), 'resource-exhausted')
  assert.equal(await count(), 3, 'three tries')
})
