import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkCounted, countingPlan } from './counting.ts'
import { follow } from './material.ts'
import { COUNT, EACH, two } from './two-processes.ts'

const dying = fileURLToPath(new URL('./dying-object.ts', import.meta.url))

test('a member that is killed in mid-epoch comes back, and each sample is counted once', { timeout: 900_000 }, async (t) => {
  const { other, main } = await two(t, ['--objects', dying])
  let away = 0
  const back = other.first.ended.then(() => other.again())
  const reports = await follow(main, await main.fit(countingPlan(2, COUNT)), ({ members }) => {
    if (members[1]!.state === 'away') away++
  })
  assert.equal(await other.first.ended, 'SIGKILL')
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
