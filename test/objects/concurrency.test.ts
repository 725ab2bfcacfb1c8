import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBudget } from '../../src/objects/concurrency.ts'

test('a budget is never exceeded but by what runs alone, and everything runs in its order, also after a failure', async () => {
  const job = fc.record({ weight: fc.integer({ min: 0, max: 15 }), turns: fc.integer({ min: 0, max: 4 }), fails: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(job, { maxLength: 20 }), async (jobs) => {
      const budget = createBudget(10)
      const running: number[] = []
      const begun: number[] = []
      await Promise.all(
        jobs.map(({ weight, turns, fails }, index) =>
          budget
            .run(weight, async () => {
              begun.push(index)
              running.push(weight)
              const heavy = running.filter((each) => each > 0)
              assert.ok(heavy.length <= 1 || heavy.reduce((sum, each) => sum + each, 0) <= 10)
              for (let turn = 0; turn < turns; turn++) await Promise.resolve()
              running.splice(running.indexOf(weight), 1)
              if (fails) throw new Error('failed')
            })
            .catch((error: unknown) => assert.match(String(error), /failed/)),
        ),
      )
      assert.deepEqual(begun, [...jobs.keys()])
    }),
  )
})
