import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { MethodEntry } from '../../../src/core/define.ts'
import type { ReadonlySelf } from '../../../src/core/self.ts'
import { type Gathered, type StepAsk, trainingMember } from '../../../src/objects/parallel/member.ts'

/** Members of this process tell, for the gradients of a number of samples, the time that a test says they took, in ms. */
export const timedMembers = (t: TestContext, msFor: (site: string, samples: number) => number | Promise<number>): void => {
  const entries: unknown = trainingMember.entries
  assert.ok(entries instanceof Map)
  const entry = entries.get('step') as MethodEntry
  const step = entry.run as (self: unknown, session: string, turn: number, ask: StepAsk) => Promise<Gathered | null>
  const timed = async (self: ReadonlySelf<unknown>, session: string, turn: number, ask: StepAsk) => {
    const made = await step(self, session, turn, ask)
    return made === null ? null : { ...made, ms: await msFor(self.site, ask.gather?.count ?? 0) }
  }
  assert.equal(entry.stream, false)
  entries.set('step', { ...entry, run: timed })
  t.after(() => entries.set('step', entry))
}
