import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Draws } from '../../src/core/random.ts'
import { run } from '../storage-node/store/disks.ts'
import { type CrashOptions, crashRun } from './crash-run.ts'
import type { FaultKind } from './faults/faults.ts'
import type { Kill } from './kills.ts'
import { type Mutant, mutantNames, mutants } from './mutants/mutants.ts'
import { summaryOf, textOf } from './report.ts'
import { workloadNames } from './workloads/workloads.ts'

/** Kills after which a fault must have shown; most show in one to five. */
const MOST_KILLS = 40

const ofOneNode = workloadNames.filter((name) => name !== 'moves' && name !== 'unkeyed' && name !== 'rivals')
/** While the first blobs of a life are being written. */
const whileKeeping = (draws: Draws): Kill => ({ when: 'replies', count: 1 + draws.below(12), afterMs: 20 * draws.uniform() })
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

/** How a mutant is to be run so that it shows. Default: four workloads of one node, and kills alone. */
const runs: Partial<Record<Mutant, Partial<CrashOptions>>> = {
  'in-place': { clients: 8, workloads: ['blobs'], drawKill: whileKeeping },
  'ignored-error': { workloads: ['counters', 'logs'], drawKill: afterReplies, drawFaults: inTurn([['disk']]), longestMs: 1500 },
  // A source that is stopped between its commit and the activation, while the other one moves an object of that name.
  'second-move': { workloads: ['rivals'], drawKill: afterReplies, drawFaults: inTurn([['stop']]), longestMs: 2500 },
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

  for (const mutant of mutantNames) {
    test(`is seen to fail where ${mutants[mutant].about}`, async (t) => {
      if (mutant === 'ignored-error' && run('strace', '-f', '-e', 'trace=none', 'true').status !== 0)
        return t.skip('strace is absent or not permitted here')
      const { finds } = mutants[mutant]
      const shown = (kind: string) => kind === finds
      const report = await crashRun({
        kills: MOST_KILLS,
        seed: 1,
        mutant,
        clients: 3,
        workloads: ['counters', 'logs', 'registers', 'ledgers'],
        ...runs[mutant],
        until: (findings) => findings.some(({ kind }) => shown(kind)),
      })
      t.diagnostic(summaryOf(report))
      const found = report.findings.find(({ kind }) => shown(kind))
      assert.ok(found !== undefined, textOf(report))
      assert.ok(found.history.length > 0 || found.object.startsWith('node '), 'the calls that show it are told, or the folder')
      return undefined
    })
  }

  test('keeps objects that are on the move between two such nodes', async (t) => {
    const report = await crashRun({ kills: 8, seed: 3, clients: 4, workloads: ['moves'], drawKill: whileMoving('moves') })
    t.diagnostic(summaryOf(report))
    assert.deepEqual(report.findings, [], textOf(report))
  })
})
