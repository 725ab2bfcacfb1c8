import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Draws } from '../../src/core/random.ts'
import { crashRun } from './crash-run.ts'
import type { Kill } from './kills.ts'
import { mutantNames, mutants } from './mutants/mutants.ts'
import { summaryOf, textOf } from './report.ts'
import { workloadNames } from './workloads/workloads.ts'

/** Kills after which a fault must have shown; most show in one to five. */
const MOST_KILLS = 40

const ofOneNode = workloadNames.filter((name) => name !== 'moves')
/** While the first blobs of a life are being written. */
const whileKeeping = (draws: Draws): Kill => ({ when: 'replies', count: 1 + draws.below(12), afterMs: 20 * draws.uniform() })
const whileMoving = (draws: Draws): Kill => ({
  when: 'asked',
  workload: 'moves',
  count: 10 + draws.below(40),
  afterMs: 40 * draws.uniform(),
})

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

  for (const mutant of mutantNames) {
    test(`is seen to fail where ${mutants[mutant].about}`, async (t) => {
      const { finds } = mutants[mutant]
      const shown = (kind: string) => kind === finds
      const report = await crashRun({
        kills: MOST_KILLS,
        seed: 1,
        mutant,
        clients: 3,
        workloads: ['counters', 'logs', 'registers', 'ledgers'],
        ...(mutant === 'in-place' && { clients: 8, workloads: ['blobs'], drawKill: whileKeeping }),
        until: (findings) => findings.some(({ kind }) => shown(kind)),
      })
      t.diagnostic(summaryOf(report))
      const found = report.findings.find(({ kind }) => shown(kind))
      assert.ok(found !== undefined, textOf(report))
      assert.ok(found.history.length > 0, 'the calls that show it are told')
    })
  }

  test('keeps objects that are on the move between two such nodes', async (t) => {
    const report = await crashRun({ kills: 8, seed: 3, clients: 4, workloads: ['moves'], drawKill: whileMoving })
    t.diagnostic(summaryOf(report))
    assert.deepEqual(report.findings, [], textOf(report))
  })
})
