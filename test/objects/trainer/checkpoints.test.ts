import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Interval } from '../../../src/objects/trainer/checkpoints.ts'

test('checkpoints take less than 3.5 % of the time by what each took, and are a second apart at least', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 60_000, noNaN: true }), fc.double({ min: 0.5, max: 5000, noNaN: true }), (ms, stepMs) => {
      const interval = new Interval(0)
      const made: number[] = []
      let now = 0
      while (made.length < 20) {
        now += stepMs
        if (!interval.due(now)) continue
        made.push(now)
        now += ms
        interval.took(ms, now)
      }
      // Nobody knows what one takes before the first.
      assert.ok((19 * ms) / (now - (made[0] ?? 0) - ms) < 0.035, `${ms} ms each`)
      for (const [i, at] of made.entries()) assert.ok(at - (made[i - 1] ?? 0) >= 1000)
      // Nor are they put off: a step later than they may be, at the most.
      for (const [i, at] of made.entries()) assert.ok(at - (made[i - 1] ?? 0) <= Math.max(1000, ms / 0.015) + ms + stepMs)
    }),
  )
})
