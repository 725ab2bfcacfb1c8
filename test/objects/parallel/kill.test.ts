import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { parallelTrainer } from '../../../src/objects/parallel/parallel-trainer.ts'
import { startNodeProcess } from '../../storage-node/node-process.ts'
import { linkTo, remote, temporaryFolder } from '../../storage-node/support.ts'
import { checkCounted, countingModel, countingPlan, countingSamples, countingSpec } from './counting.ts'
import { follow } from './material.ts'

const EACH = 700
const COUNT = 2 * EACH

/** A node with half of the samples, in a process of its own, which can be started again on its data. */
const nodeWith = async (t: TestContext, name: string, from: number, more: readonly string[] = []) => {
  const args = ['--data', temporaryFolder(t), '--threads', '1', '--name', name, ...more]
  const first = await startNodeProcess(t, args)
  const { address } = first
  const link = linkTo(t, address, name)
  await remote(link, dataset, 'counted').put(countingSamples(from, from + EACH, COUNT))
  return { address, link, first, again: () => startNodeProcess(t, [...args, '--listen', address]) }
}
const two = async (t: TestContext) => {
  const other = await nodeWith(t, 'n1', EACH)
  const lead = await nodeWith(t, 'n0', 0, ['--peer', `n1=${other.address}`])
  const main = remote(lead.link, parallelTrainer, 'main', { timeoutMs: 120_000 })
  await main.put(countingModel(COUNT), countingSpec)
  return { lead, other, main }
}

test('a member that is killed in mid-epoch comes back, and each sample is counted once', { timeout: 120_000 }, async (t) => {
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

test('a member that is killed for good: training finishes, and says what was missed', { timeout: 120_000 }, async (t) => {
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

test('a coordinator that is killed goes on from its checkpoint, and each sample is counted once', { timeout: 120_000 }, async (t) => {
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
  const after = remote(linkTo(t, again.address, 'n0'), parallelTrainer, 'main', { timeoutMs: 120_000 })
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
