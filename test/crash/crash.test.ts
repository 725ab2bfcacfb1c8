import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Draws } from '../../src/core/random.ts'
import { crashRun } from './crash-run.ts'
import type { FaultKind } from './faults/faults.ts'
import type { Kill } from './kills.ts'
import { summaryOf, textOf } from './report.ts'
import { workloadNames } from './workloads/workloads.ts'

const ofOneNode = workloadNames.filter((name) => name !== 'moves' && name !== 'unkeyed' && name !== 'rivals')
const whileMoving =
  (workload: string) =>
  (draws: Draws): Kill => ({ when: 'asked', workload, count: 10 + draws.below(40), afterMs: 40 * draws.uniform() })
const afterReplies = (draws: Draws): Kill => ({ when: 'replies', count: 1 + draws.below(30), afterMs: 0 })

/** The faults of a short run, life by life. */
const oneOfEach: readonly (readonly FaultKind[])[] = [
  ['stop'],
  ['swallow', 'collect'],
  ['descriptors', 'backup'],
  ['stall', 'collect'],
  ['disk', 'full'],
  ['cut', 'backup'],
]
const inTurn = (kinds: readonly (readonly FaultKind[])[]) => {
  let life = 0
  return () => kinds[life++ % kinds.length]!
}

suite('a node that is killed with -9', () => {
  test('loses, doubles, tears and forgets nothing that it acknowledged, in 25 kills', async (t) => {
    const report = await crashRun({ kills: 25, seed: 25, clients: 3, workloads: ofOneNode })
    t.diagnostic(summaryOf(report))
    assert.deepEqual(report.findings, [], textOf(report))
    const { tally, kills, byWorkload } = report
    assert.ok(tally.acknowledged > 500 && tally.retried > 50, 'there was something to lose')
    assert.ok(kills['start-up'] > 0 && kills['first-reply'] > 0 && kills.replies > 0 && kills.asked > 0, JSON.stringify(kills))
    for (const [name, { objects }] of Object.entries(byWorkload)) assert.ok(objects > 0, name)
  })

  test('does so too where nodes are stopped, links broken, disks and descriptors fail, and backups are made', async (t) => {
    const report = await crashRun({
      kills: oneOfEach.length,
      seed: 6,
      clients: 1,
      drawKill: afterReplies,
      drawFaults: inTurn(oneOfEach),
      longestMs: 1500,
    })
    t.diagnostic(summaryOf(report))
    assert.deepEqual(report.findings, [], textOf(report))
    const { stop, cut, stall, swallow, collect } = report.faults
    assert.deepEqual([stop, cut, stall, swallow, collect > 0], [1, 1, 1, 1, true])
  })

  test('keeps objects that are on the move between two such nodes', async (t) => {
    const report = await crashRun({ kills: 8, seed: 3, clients: 4, workloads: ['moves'], drawKill: whileMoving('moves') })
    t.diagnostic(summaryOf(report))
    assert.deepEqual(report.findings, [], textOf(report))
  })
})
