import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBreaker } from '../../src/link/breaker.ts'

const clocked = (random = 0.5) => {
  let time = 1000
  const breaker = createBreaker({ failures: 3, coolMs: 100, now: () => time, random: () => random })
  return {
    breaker,
    wait: (ms: number) => void (time += ms),
    fail: (times: number) => Array.from({ length: times }, () => breaker.failed()),
  }
}

test('a breaker opens after so many failures in a row, and no fewer', () => {
  const { breaker, fail } = clocked()
  fail(2)
  assert.ok(breaker.allows() && breaker.up)
  breaker.succeeded()
  fail(2)
  assert.ok(breaker.allows())
  fail(1)
  assert.equal(breaker.up, false)
  assert.equal(breaker.allows(), false)
})

test('after its pause it lets one probe through, and asking whether it is up takes none', () => {
  const { breaker, wait, fail } = clocked()
  fail(3)
  wait(99)
  assert.equal(breaker.allows(), false)
  wait(1)
  assert.equal(breaker.up, true)
  assert.equal(breaker.up, true)
  assert.ok(breaker.allows())
  assert.equal(breaker.allows(), false)
})

test('a probe that succeeds closes it, and the count of failures begins anew', () => {
  const { breaker, wait, fail } = clocked()
  fail(3)
  wait(100)
  assert.ok(breaker.allows())
  breaker.succeeded()
  assert.ok(breaker.allows() && breaker.allows())
  fail(2)
  assert.ok(breaker.allows())
})

test('each probe that fails doubles the pause, up to a minute', () => {
  const { breaker, wait, fail } = clocked()
  fail(3)
  for (const pause of [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]) {
    wait(pause - 1)
    assert.equal(breaker.allows(), false, `before ${pause}`)
    wait(1)
    assert.ok(breaker.allows(), `after ${pause}`)
    breaker.failed()
  }
})

test('pauses are spread by a quarter either way', () => {
  for (const [random, pause] of [
    [0, 75],
    [1, 125],
  ] as const) {
    const { breaker, wait, fail } = clocked(random)
    fail(3)
    wait(pause - 1)
    assert.equal(breaker.allows(), false)
    wait(1)
    assert.ok(breaker.allows())
  }
})
