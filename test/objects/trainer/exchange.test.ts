import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Exchange } from '../../../src/objects/trainer/exchange.ts'

const { signal: never } = new AbortController()

test('what is waited for is delivered once, however often it is brought', async () => {
  const exchange = new Exchange()
  await assert.rejects(exchange.deliver('gradients', 1, 5), { code: 'fenced' })
  let done = 0
  const waits = exchange.expect('gradients', 1, async (given: number) => ++done * given, never)
  await assert.rejects(exchange.deliver('state', 1, 5), { code: 'fenced', message: /the gradients of step 1/ })
  const answers = [exchange.deliver<number, number>('gradients', 1, 5), exchange.deliver<number, number>('gradients', 1, 5)]
  assert.deepEqual(await Promise.all(answers), [5, 5])
  await waits
  assert.equal(await exchange.deliver<number, number>('gradients', 1, 7), 5)
  await assert.rejects(exchange.deliver('gradients', 2, 5), { code: 'fenced' })
  assert.equal(done, 1)
})

test('what fails is known on both sides; a signal ends the wait', async () => {
  const exchange = new Exchange()
  const waits = exchange.expect('state', 3, async () => Promise.reject(new Error('refused')), never)
  await assert.rejects(exchange.deliver('state', 3, {}), /refused/)
  await assert.rejects(waits, /refused/)
  const controller = new AbortController()
  const left = exchange.expect('state', 4, async () => null, controller.signal)
  controller.abort()
  await assert.rejects(left, { code: 'cancelled' })
  await assert.rejects(
    exchange.expect('state', 5, async () => null, controller.signal),
    { code: 'cancelled' },
  )
})
