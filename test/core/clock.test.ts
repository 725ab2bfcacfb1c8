import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSteadyClock } from '../../src/core/clock.ts'

const HOUR = 3600_000
const prepared = () => {
  const time = { wall: 1_000_000_000, monotonic: 0 }
  const now = createSteadyClock({ wall: () => time.wall, monotonic: () => time.monotonic })
  const pass = (ms: number) => {
    time.wall += ms
    time.monotonic += ms
  }
  return { time, now, pass }
}

test('it goes with the wall clock, and follows small corrections', () => {
  const { time, now, pass } = prepared()
  pass(5 * HOUR)
  assert.equal(now(), 1_000_000_000 + 5 * HOUR)
  time.wall -= 2000
  assert.equal(now(), 1_000_000_000 + 5 * HOUR - 2000)
})

test('it does not jump with the wall clock, neither ahead nor back', () => {
  for (const jump of [25 * HOUR, -25 * HOUR]) {
    const { time, now, pass } = prepared()
    time.wall += jump
    pass(1000)
    assert.equal(now(), 1_000_001_000)
    pass(HOUR)
    assert.equal(now(), 1_000_001_000 + HOUR)
    time.wall -= jump
    assert.equal(now(), time.wall)
  }
})
