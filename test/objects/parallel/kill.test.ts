import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCounted, countingPlan } from './counting.ts'
import { follow } from './material.ts'
import { COUNT, EACH, two } from './two-processes.ts'

test('a member that is killed in mid-epoch comes back, and each sample is counted once', { timeout: 900_000 }, async (t) => {
  const { other, main } = await two(t)
  let back: Promise<unknown> | undefined
  let away = 0
  const reports = await follow(main, await main.fit(countingPlan(2, COUNT)), async ({ members }) => {
    const { counted, samples, state } = members[1]!
    if (back === undefined && counted > 0 && counted < samples) {
      other.first.child.kill('SIGKILL')
      await other.first.ended
      back = other.again()
    }
    if (state === 'away') away++
  })
  assert.ok(back !== undefined, 'it was over before the member could be killed')
  await back
  const last = reports.at(-1)!
  t.diagnostic(`${last.step} steps, away in ${away} of ${reports.length} reports`)
  assert.deepEqual([last.status, last.missed], ['done', 0])
  assert.deepEqual(
    last.members.map(({ counted }) => counted),
    [EACH, EACH],
  )
  checkCounted(await main.export(), () => true, last.step)
})
