import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LogRunning, Running } from '../../src/policy/running.ts'

test('the first sample stands only until a second arrives', () => {
  const times = new LogRunning()
  assert.equal(times.value, undefined)
  times.add(5000)
  assert.ok(Math.abs((times.value ?? 0) - 5000) < 1e-6)
  assert.equal(times.count, 0)
  times.add(10)
  assert.ok(Math.abs((times.value ?? 0) - 10) < 1e-9)
  assert.equal(times.count, 1)
})

test('a second worker that warms up late does not stay in the estimate', () => {
  const times = new LogRunning()
  for (const ms of [500, 400, 10, 11]) times.add(ms)
  assert.ok((times.value ?? 0) < 12, String(times.value))
})

test('a stall moves a settled estimate by no more than its spread', () => {
  const times = new LogRunning()
  for (let n = 0; n < 50; n++) times.add(n % 2 === 0 ? 9.5 : 10.5)
  const before = times.value ?? 0
  times.add(100_000)
  assert.ok((times.value ?? 0) < before * 1.15, `${before} became ${times.value}`)
})

test('a lasting change is followed within twenty samples', () => {
  const times = new LogRunning()
  for (let n = 0; n < 50; n++) times.add(n % 2 === 0 ? 9.5 : 10.5)
  for (let n = 0; n < 20; n++) times.add(50)
  assert.ok((times.value ?? 0) > 40, String(times.value))
})

test('an estimate stays between the least and the greatest sample after the warm-up', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 60 }), (samples) => {
      const running = new Running(1)
      for (const sample of samples) running.add(sample)
      const real = samples.slice(1)
      const value = running.value ?? Number.NaN
      assert.ok(value >= Math.min(...real) - 1e-6 && value <= Math.max(...real) + 1e-6)
      assert.ok(running.error > 0)
    }),
  )
})
