import { byObject, createHistory } from '../history.ts'
import { checkEach, refusals } from '../checks.ts'
import { ledger } from '../objects.ts'
import { createNames, type Finding, finding, type MakeWorkload, type Session } from '../workload.ts'
import { checkLedger, createLedgerCalls, useLedger } from './ledger-calls.ts'

const KIND = 'moving'
const SITES = ['one', 'two'] as const

/** Ledgers that move between two nodes while they are used: none is lost, and none is on both. */
export const moves: MakeWorkload = (clock) => {
  const calls = createLedgerCalls(clock)
  const moved = createHistory<{ readonly moveTo: string }, string>(clock)
  const places = createHistory<{ readonly list: string }, readonly string[]>(clock)
  const names = createNames(KIND, { atOnce: 3, calls: 100 })
  const own = new Map<string, string>()

  const move = (session: Session, object: string, moveTo: string) =>
    session.perform<{ readonly moveTo: string }, string>({
      history: moved,
      object,
      asked: { moveTo },
      changes: true,
      repeat: 'once',
      run: async (client) => (await client.objects.move(ledger, object, moveTo)).site,
    })
  const listed = async (session: Session, site: string) =>
    session.perform<{ readonly list: string }, readonly string[]>({
      history: places,
      object: KIND,
      asked: { list: site },
      changes: false,
      repeat: 'must',
      run: async (client) => (await client.objects.list({ type: ledger, prefix: KIND, at: site })).map(({ id }) => id),
    })

  /** At the end each ledger that was ever acknowledged is on one of the nodes, and on no other. */
  const checkPlaces = (): Finding[] => {
    const sites = places.entries.flatMap((entry) => (entry.outcome.kind === 'acknowledged' ? [{ entry, ids: entry.outcome.answer }] : []))
    if (sites.length === 0) return []
    return [...byObject(calls.history.entries)].flatMap(([object, entries]) => {
      const at = sites.filter(({ ids }) => ids.includes(object))
      const known = entries.some(({ asked, outcome }) => 'post' in asked && outcome.kind === 'acknowledged')
      const what = `listed by ${at.length} nodes`
      const shown = [...moved.entries.filter((entry) => entry.object === object), ...at.map(({ entry }) => entry)]
      if (at.length > 1) return [finding('doubled', object, what, shown)]
      return known && at.length === 0 ? [finding('lost', object, what, shown)] : []
    })
  }
  // A move refused because there is nothing yet to move, or the other node is just not there, is one.
  // So is one that follows another whose end the target does not know yet.
  const allowed = new Set(['not-found', 'unavailable', 'overloaded', 'already-exists'])
  return {
    name: 'moves',
    callers: 2,
    nodes: 2,
    async step(session) {
      const object = names.pick(session.draws)
      if (session.draws.below(4) === 0) await move(session, object, SITES[session.draws.below(2)]!)
      else await useLedger(calls, session, object, own)
    },
    async audit(session) {
      for (const object of names.all()) await calls.read(session, object, 'audit', 'must')
      for (const site of SITES) await listed(session, site)
    },
    check() {
      const { findings, objects } = checkEach(calls.history.entries, checkLedger)
      const refused = moved.entries.filter(({ outcome }) => outcome.kind === 'failed' && !allowed.has(outcome.code))
      return {
        findings: [...refusals(calls.history.entries), ...refusals(refused), ...refusals(places.entries), ...findings, ...checkPlaces()],
        objects,
        linearizable: 0,
        counts: { moves: moved.entries.filter(({ outcome }) => outcome.kind === 'acknowledged').length },
      }
    },
  }
}
