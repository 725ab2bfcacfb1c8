import { isActiveStorageError } from '../../../src/core/errors.ts'
import { checkEach, refusals } from '../checks.ts'
import { createHistory } from '../history.ts'
import { ledger } from '../objects.ts'
import { createNames, type MakeWorkload, type Session } from '../workload.ts'
import { checkLedger, createLedgerCalls, useLedger } from './ledger-calls.ts'

const SOURCES = ['one', 'two'] as const
const TARGET = 'three'

/**
 * Two ledgers of one name, on two nodes, which both move to a third while they are used: one of them comes there, the
 * other stays where it is, and neither loses anything.
 */
export const rivals: MakeWorkload = (clock) => {
  const calls = createLedgerCalls(clock, (object) => {
    const [id = '', at = ''] = object.split('@')
    return { id, at }
  })
  const moved = createHistory<{ readonly moveTo: string }, string>(clock)
  const names = createNames('rival', { atOnce: 3, calls: 25 })
  const own = new Map<string, string>()

  const move = (session: Session, id: string, source: string) =>
    session.perform<{ readonly moveTo: string }, string>({
      history: moved,
      object: `${id}@${source}`,
      asked: { moveTo: TARGET },
      changes: true,
      repeat: 'once',
      async run(client) {
        try {
          return (await client.objects.move(ledger, id, TARGET, { at: source })).site
        } catch (error) {
          // The other one is there, or on its way; or there is nothing yet to move.
          if (isActiveStorageError(error, 'already-exists') || isActiveStorageError(error, 'not-found')) return error.code
          throw error
        }
      },
    })
  return {
    name: 'rivals',
    callers: 2,
    nodes: 3,
    async step(session) {
      const id = names.pick(session.draws)
      const source = SOURCES[session.draws.below(2)]!
      if (session.draws.below(4) === 0) await move(session, id, source)
      else await useLedger(calls, session, `${id}@${source}`, own)
    },
    async audit(session) {
      for (const id of names.all()) for (const source of SOURCES) await calls.read(session, `${id}@${source}`, 'audit', 'must')
    },
    check() {
      const { findings, objects } = checkEach(calls.history.entries, checkLedger)
      const ended = (answer: string) => moved.entries.filter(({ outcome }) => outcome.kind === 'acknowledged' && outcome.answer === answer)
      return {
        findings: [...refusals(calls.history.entries), ...refusals(moved.entries), ...findings],
        objects,
        linearizable: 0,
        counts: { 'moves of one name': ended(TARGET).length, 'refused to the second': ended('already-exists').length },
      }
    },
  }
}
