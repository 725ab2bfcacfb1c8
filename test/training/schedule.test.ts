import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { checkSchedule, rateAt, type Schedule } from '../../src/training/schedule.ts'
import { golden } from './golden/golden.ts'

for (const { name, options, rates } of golden.schedules)
  test(`${name}: the rates are PyTorch's`, () => {
    checkSchedule(options)
    for (const [step, right] of rates.entries())
      assert.ok(Math.abs(rateAt(options, step) - right) < 1e-9, `step ${step}: ${rateAt(options, step)} is not ${right}`)
  })

test('behind its end a schedule stays where it came to', () => {
  assert.equal(rateAt({ kind: 'cosine', steps: 10, floor: 0.25 }, 1000), 0.25)
  assert.ok(Math.abs(rateAt({ kind: 'one-cycle', steps: 10 }, 1000) - 1 / 250_000) < 1e-12)
})

test('every rate is a number from 0 to 1, of the shortest schedules too', () => {
  for (const steps of [1, 2, 3])
    for (const rise of [0.1, 0.5, 0.9])
      for (let step = 0; step <= steps; step++) {
        const rate = rateAt({ kind: 'one-cycle', steps, rise }, step)
        assert.ok(rate >= 0 && rate <= 1, `${steps} steps, rise ${rise}, step ${step}: ${rate}`)
      }
})

test('settings out of bounds are refused', () => {
  const refused = (schedule: Schedule, word: string) =>
    assert.throws(() => checkSchedule(schedule), (error: unknown) => isActiveStorageError(error, 'invalid-argument') && error.message.includes(word)) // prettier-ignore
  refused({ kind: 'constant', warmUp: -1 }, 'warmUp')
  refused({ kind: 'step', every: [] }, 'every')
  refused({ kind: 'step', every: 0 }, 'every')
  refused({ kind: 'step', every: 3, factor: Infinity }, 'factor')
  refused({ kind: 'cosine', steps: 0.5 }, 'steps')
  refused({ kind: 'cosine', steps: 5, floor: 2 }, 'floor')
  refused({ kind: 'one-cycle', steps: 5, rise: 1 }, 'rise')
})
