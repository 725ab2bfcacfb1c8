import { isActiveStorageError } from '../../../src/core/errors.ts'
import { withCall } from '../../../src/core/remote.ts'
import { checkEach, checkModel, refusals } from '../checks.ts'
import { createHistory, type Entry, isAnswered } from '../history.ts'
import { type CounterAsked, counterModel } from '../models.ts'
import { counter } from '../objects.ts'
import { readRestored } from '../restored.ts'
import { createNames, type Finding, finding, type MakeWorkload, type Session } from '../workload.ts'

type Asked = CounterAsked & { readonly audit?: true }

/** A value that a caller was told lies between the increments that it must show and those that it may. */
export const checkCounter = (object: string, entries: readonly Entry<Asked, number>[]): Finding[] => {
  const adds = entries.filter(({ asked, outcome }) => asked.method === 'add' && outcome.kind !== 'failed')
  const answered = entries.filter(isAnswered)
  const findings: Finding[] = []
  for (const entry of answered) {
    const { answer } = entry.outcome
    const own = entry.asked.method === 'add' ? 1 : 0
    const before = answered.filter(({ replied }) => replied < entry.invoked)
    const acknowledged = before.filter(({ asked }) => asked.method === 'add').length
    const least = Math.max(acknowledged, ...before.map(({ outcome }) => outcome.answer)) + own
    const most = adds.filter(({ invoked }) => invoked < entry.replied).length
    const shown = [...before.slice(-8), entry]
    if (answer < least)
      findings.push(finding(entry.asked.audit ? 'lost' : 'stale', object, `${answer} where it was ${least} at the least`, shown))
    if (answer > most) findings.push(finding('doubled', object, `${answer} where ${most} increments were asked for`, shown))
  }
  const byValue = new Map<number, Entry<Asked, number>>()
  for (const entry of answered.filter(({ asked }) => asked.method === 'add')) {
    const { answer } = entry.outcome
    const other = byValue.get(answer)
    if (other !== undefined) findings.push(finding('lost', object, `two increments both made it ${answer}`, [other, entry]))
    byValue.set(answer, entry)
  }
  return findings
}

/** Counters: none of the acknowledged increments is lost or counted twice. */
export const counters: MakeWorkload = (clock) => {
  const history = createHistory<Asked, number>(clock)
  const names = createNames('counter', { atOnce: 3, calls: 300 })
  const read = (session: Session, object: string, audit = false, into = history) =>
    session.perform<Asked, number>({
      history: into,
      object,
      asked: { method: 'read', ...(audit && { audit }) },
      changes: false,
      ...(into !== history && { repeat: 'must' }),
      run: async (client, options) => {
        try {
          return await withCall(client.object(counter, object), options).read()
        } catch (error) {
          // Made by its first increment.
          if (isActiveStorageError(error, 'not-found')) return 0
          throw error
        }
      },
    })
  return {
    name: 'counters',
    callers: 2,
    async step(session) {
      const object = names.pick(session.draws)
      if (session.draws.below(3) === 0) await read(session, object)
      else
        await session.perform<Asked, number>({
          history,
          object,
          asked: { method: 'add' },
          changes: true,
          run: (client, options) => withCall(client.object(counter, object), options).add(),
        })
    },
    async audit(session) {
      for (const object of names.all()) await read(session, object, true)
    },
    restored: (session) =>
      readRestored({
        clock,
        history,
        objects: names.recent(),
        read: (object, into) => read(session, object, true, into),
        check: (object, entries) => [
          ...checkCounter(object, entries),
          ...checkModel(counterModel, entries, ({ method }) => method === 'read').findings,
        ],
      }),
    check() {
      const checked = checkModel(counterModel, history.entries, ({ method }) => method === 'read')
      return {
        ...checked,
        findings: [...refusals(history.entries), ...checkEach(history.entries, checkCounter).findings, ...checked.findings],
      }
    },
  }
}
