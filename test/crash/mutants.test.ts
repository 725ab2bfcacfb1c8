import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Draws } from '../../src/core/random.ts'
import { run } from '../storage-node/store/disks.ts'
import { type CrashOptions, crashRun } from './crash-run.ts'
import type { FaultKind } from './faults/faults.ts'
import type { Kill } from './kills.ts'
import { type Mutant, mutantNames, mutants } from './mutants/mutants.ts'
import { summaryOf, textOf } from './report.ts'

/** Kills after which a fault must have shown; most show in one to five. */
const MOST_KILLS = 40

/** While the first blobs of a life are being written. */
const whileKeeping = (draws: Draws): Kill => ({ when: 'replies', count: 1 + draws.below(12), afterMs: 20 * draws.uniform() })
const afterReplies = (draws: Draws): Kill => ({ when: 'replies', count: 1 + draws.below(30), afterMs: 0 })
const always = (kind: FaultKind) => () => [kind]

/** How a mutant is to be run so that it shows. Default: four workloads of one node, and kills alone. */
const runs: Partial<Record<Mutant, Partial<CrashOptions>>> = {
  'in-place': { clients: 8, workloads: ['blobs'], drawKill: whileKeeping },
  'ignored-error': { workloads: ['counters', 'logs'], drawKill: afterReplies, drawFaults: always('disk'), longestMs: 1500 },
  // A source that is stopped between its commit and the activation, while the other one moves an object of that name.
  'second-move': { workloads: ['rivals'], drawKill: afterReplies, drawFaults: always('stop'), longestMs: 2500 },
}

for (const mutant of mutantNames) {
  test(`a node that is killed is seen to fail where ${mutants[mutant].about}`, async (t) => {
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
