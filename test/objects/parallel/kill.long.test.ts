import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { parallelTrainer } from '../../../src/objects/parallel/parallel-trainer.ts'
import { linkTo, remote } from '../../storage-node/support.ts'
import { checkCounted, countingPlan } from './counting.ts'
import { follow } from './material.ts'
import { COUNT, EACH, two } from './two-processes.ts'

test('a member that is killed for good: training finishes, and says what was missed', { timeout: 900_000 }, async (t) => {
  const { other, main } = await two(t)
  const reports = await follow(main, await main.fit(countingPlan(2, COUNT, { waitMs: 500, shuffle: false })), ({ members }) => {
    if (members[1]!.counted > 0) other.first.child.kill('SIGKILL')
  })
  const last = reports.at(-1)!
  const [here, gone] = last.members
  assert.deepEqual([last.status, here!.counted, gone!.state], ['done', EACH, 'away'])
  assert.ok(gone!.counted > 0 && last.missed > 0, `${last.missed} missed`)
  assert.equal(last.missed, EACH - gone!.counted)
  assert.match(gone!.error ?? '', /unavailable|session-ended/)
  checkCounted(await main.export(), (place) => place < EACH + gone!.counted, last.step)
})

test('a coordinator that is killed goes on from its checkpoint, and each sample is counted once', { timeout: 900_000 }, async (t) => {
  const { lead, other, main } = await two(t)
  let kills = 0
  const broken = follow(main, await main.fit(countingPlan(2, COUNT, { checkpointEvery: 9 })), ({ checkpoint }) => {
    if (checkpoint > 0 && kills++ === 0) lead.first.child.kill('SIGKILL')
  })
  const error: unknown = await broken.then(
    () => assert.fail('it was over before it could be killed'),
    (thrown: unknown) => thrown,
  )
  assert.ok(isActiveStorageError(error, 'unavailable'))
  await lead.first.ended
  const again = await lead.again()
  const after = remote(linkTo(t, again.address, 'n0'), parallelTrainer, 'main', { timeoutMs: 600_000 })
  const status = await after.status()
  assert.equal(status.status, 'interrupted')
  assert.ok(status.step > 0)
  const reports = await follow(after, await after.resume())
  const last = reports.at(-1)!
  t.diagnostic(`went on from step ${status.step} of ${last.step}`)
  assert.deepEqual([last.status, last.missed], ['done', 0])
  checkCounted(await after.export(), () => true, last.step)
  assert.equal(other.first.child.exitCode, null)
})
