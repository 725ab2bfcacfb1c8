import { isActiveStorageError } from '../../../src/core/errors.ts'
import { checkModel, refusals } from '../checks.ts'
import { createHistory, type Entry } from '../history.ts'
import { type LifeAsked, lifeModel } from '../models.ts'
import { ledger } from '../objects.ts'
import { createNames, type Finding, finding, type MakeWorkload, type Session } from '../workload.ts'
import { checkPage, createLedgerCalls, type LedgerEntry, pageOf } from './ledger-calls.ts'

type Answer = string | boolean | number | null
const KIND = 'life'

/** Ledgers that are made and deleted while they are used: linearizable, and nothing of one that was deleted comes back. */
export const lives: MakeWorkload = (clock) => {
  const calls = createLedgerCalls(clock)
  const made = createHistory<LifeAsked, Answer>(clock)
  const lists = createHistory<{ readonly list: 'all' }, readonly string[]>(clock)
  const names = createNames(KIND, { atOnce: 2, calls: 60 })

  const makeOrDelete = (session: Session, object: string, method: 'create' | 'delete') =>
    session.perform<LifeAsked, Answer>({
      history: made,
      object,
      asked: { method },
      changes: true,
      repeat: 'once',
      async run(client) {
        if (method === 'delete') return client.objects.delete(ledger, object)
        try {
          await client.objects.create(ledger, object)
          return 'created'
        } catch (error) {
          if (isActiveStorageError(error, 'already-exists')) return 'exists'
          throw error
        }
      },
    })
  /** A ledger's calls in the words of the model: it has so many entries, or is not there. */
  const counted = ({ asked, outcome, ...rest }: LedgerEntry): Entry<LifeAsked, Answer> => {
    if (outcome.kind !== 'acknowledged') return { ...rest, asked: { method: 'read' in asked ? 'read' : 'post' }, outcome }
    const answer = typeof outcome.answer === 'object' ? (outcome.answer?.count ?? null) : outcome.answer
    return { ...rest, asked: { method: 'read' in asked ? 'read' : 'post' }, outcome: { kind: 'acknowledged', answer } }
  }
  /** What is listed at the end is what can be read at the end. */
  const checkList = (): Finding[] =>
    lists.entries.flatMap((list) => {
      if (list.outcome.kind !== 'acknowledged') return []
      const ids = new Set(list.outcome.answer)
      const audits = calls.history.entries.filter(
        ({ asked, outcome }) => 'read' in asked && asked.read === 'audit' && outcome.kind === 'acknowledged',
      )
      return audits.flatMap((audit) => {
        const there = pageOf(audit) !== undefined
        if (there === ids.has(audit.object)) return []
        return [finding(there ? 'lost' : 'stale', audit.object, `${there ? 'not ' : ''}listed, but ${there ? '' : 'not '}there`, [audit])]
      })
    })
  return {
    name: 'lives',
    callers: 1,
    async step(session) {
      const object = names.pick(session.draws)
      const choice = session.draws.below(8)
      if (choice === 0) await makeOrDelete(session, object, 'create')
      else if (choice === 1) await makeOrDelete(session, object, 'delete')
      else if (choice < 5) await calls.post(session, object, calls.newKey(session.caller))
      else await calls.read(session, object, 'all')
    },
    async audit(session) {
      for (const object of names.all()) await calls.read(session, object, 'audit', 'must')
      await session.perform<{ readonly list: 'all' }, readonly string[]>({
        history: lists,
        object: KIND,
        asked: { list: 'all' },
        changes: false,
        repeat: 'must',
        // In small pages, so that the way from one to the next is tried too.
        async run(client) {
          const found: string[] = []
          for (let after: string | undefined; ;) {
            const page = await client.objects.list({ type: ledger, prefix: KIND, limit: 3, ...(after !== undefined && { after }) })
            found.push(...page.map(({ id }) => id))
            const last = page.at(-1)
            if (last === undefined) return found
            after = `${last.type}/${last.id}`
          }
        },
      })
    },
    check() {
      const all = [...made.entries, ...calls.history.entries.map(counted)].sort((a, b) => a.invoked - b.invoked)
      const checked = checkModel(lifeModel, all, ({ method }) => method === 'read')
      const pages = calls.history.entries.flatMap((entry) => checkPage(entry.object, entry))
      const refused = [...refusals(made.entries), ...refusals(calls.history.entries), ...refusals(lists.entries)]
      return { ...checked, findings: [...refused, ...pages, ...checkList(), ...checked.findings] }
    },
  }
}
