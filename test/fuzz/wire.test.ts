import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Recorded, recordCorpus } from './corpus.ts'
import { type Check, checks } from './checks.ts'
import { defaults, fuzz, type FuzzOptions } from './fuzz.ts'
import { planOf } from './mutate.ts'
import { fromText, type Plan, toText } from './plan.ts'
import { startFaulty, startNode, type Target } from './target.ts'

const corpus: Promise<readonly Recorded[]> = recordCorpus()
const plansOf = async (seed: number, count: number): Promise<Plan[]> => {
  const recorded = await corpus
  return Array.from({ length: count }, (_, index) => planOf(recorded, seed, index))
}

test('the same seed gives the same messages, in any order, and a file keeps them', async () => {
  const plans = await plansOf(11, 60)
  const recorded = await corpus
  for (const index of [59, 0, 30]) assert.deepEqual(planOf(recorded, 11, index), plans[index])
  assert.notDeepEqual(planOf(recorded, 12, 30), plans[30])
  assert.equal(toText(fromText(toText(plans))), toText(plans))
})

test('a node answers mutated calls with typed failures, serves others meanwhile, and keeps nothing of them', async (t) => {
  await using node = await startNode()
  const { faults, rss, messages, ms } = await fuzz(node, await plansOf(1, 1000), { ...defaults, warmUp: 400 })
  t.diagnostic(
    `${messages} messages in ${ms.toFixed(0)} ms, ${rss.warm.toFixed(0)} MiB after the warm-up, ${rss.end.toFixed(0)} at the end`,
  )
  assert.deepEqual(
    faults.map(({ check, says, plans }) => ({ check, says, sent: plans.map(({ index }) => index) })),
    [],
  )
})

void suite('each check reports a server that has its fault', () => {
  const strict: FuzzOptions = { ...defaults, atOnce: 16, deadlineMs: 1500, openDeadlineMs: 50, warmUp: 20, canaryEvery: 10, restMib: 48 }
  let faulty: (fault: string) => Target
  before(async () => void (faulty = await startFaulty()))
  after(() => faulty('none')[Symbol.asyncDispose]())
  test('a server without a fault passes', async () => {
    const { faults } = await fuzz(faulty('none'), await plansOf(5, 100), strict)
    assert.deepEqual(
      faults.map(({ check, says }) => ({ check, says })),
      [],
    )
  })
  // They share a process: what marks it for good comes last.
  const last: readonly Check[] = ['memory', 'descriptors', 'stderr', 'exit']
  for (const check of [...checks.filter((each) => !last.includes(each)), ...last]) {
    test(check, async () => {
      const { faults } = await fuzz(faulty(check), await plansOf(5, 100), strict)
      // What an earlier one wrote stays on the standard error output.
      const found = faults.map((fault) => fault.check).filter((each) => each !== 'stderr' || check === 'stderr')
      assert.deepEqual([...new Set(found)], [check])
    })
  }
})
