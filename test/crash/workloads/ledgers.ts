import { checkEach, refusals } from '../checks.ts'
import { readRestored } from '../restored.ts'
import { createNames, type MakeWorkload } from '../workload.ts'
import { checkLedger, createLedgerCalls, useLedger } from './ledger-calls.ts'

/** Ledgers: a state and a table that are changed together never disagree. */
export const ledgers: MakeWorkload = (clock) => {
  const calls = createLedgerCalls(clock)
  const names = createNames('ledger', { atOnce: 2, calls: 150 })
  const own = new Map<string, string>()
  return {
    name: 'ledgers',
    callers: 2,
    step: (session) => useLedger(calls, session, names.pick(session.draws), own),
    async audit(session) {
      for (const object of names.all()) await calls.read(session, object, 'audit')
    },
    restored: (session) =>
      readRestored({
        clock,
        history: calls.history,
        objects: names.recent(),
        read: (object, into) => calls.read(session, object, 'audit', 'must', into),
        check: checkLedger,
      }),
    check() {
      const { findings, objects } = checkEach(calls.history.entries, checkLedger)
      return { findings: [...refusals(calls.history.entries), ...findings], objects, linearizable: 0 }
    },
  }
}
