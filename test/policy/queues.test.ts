import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Queues } from '../../src/policy/queues.ts'
import { view } from './views.ts'

const node = (outstanding: number, queueMs?: number, inFlight?: number) => view({ role: 'node', outstanding, queueMs, inFlight })

test('calls side by side cost nothing while nobody has waited', () => {
  const queues = new Queues()
  assert.equal(queues.waitMs(node(30), 10), 0)
  assert.equal(queues.waitMs(node(30, 0, 31), 10), 0)
})

test('the wait follows the calls that are there now, not those of the report', () => {
  const queues = new Queues()
  // Four of ours: three wait behind one, for three times the service.
  assert.ok(Math.abs(queues.waitMs(node(3, 30, 4), 10) - 30) < 1e-9)
  assert.ok(Math.abs(queues.waitMs(node(1, 30, 4), 10) - 10) < 1e-9)
  assert.equal(queues.waitMs(node(0, 30, 4), 10), 0)
})

test('calls of other clients stay in the queue when ours have ended', () => {
  const queues = new Queues()
  // Nine there, one of them ours.
  queues.waitMs(node(0, 80, 9), 10)
  assert.ok(Math.abs(queues.waitMs(node(0, 80, 9), 10) - 80) < 1e-9)
})

test('a site that ran more calls without a wait has more room than was thought', () => {
  const queues = new Queues()
  queues.waitMs(node(3, 30, 4), 10)
  assert.equal(queues.waitMs(node(3, 0, 4), 10), 0)
})

test('a wait is never negative, and is the reported one while the service is unknown', () => {
  const queues = new Queues()
  assert.equal(queues.waitMs(node(0, 25, 1), undefined), 25)
  for (let n = 0; n < 50; n++) assert.ok(queues.waitMs(node(n % 5, n * 3, n % 7), 10) >= 0)
})

test('a wait that a call had all by itself was a worker starting, and no queue for the next', () => {
  const queues = new Queues()
  assert.equal(queues.waitMs(view({ role: 'local', outstanding: 0, inFlight: 0, queueMs: 300 }), 50), 0)
})
