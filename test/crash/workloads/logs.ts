import { isActiveStorageError } from '../../../src/core/errors.ts'
import { withCall } from '../../../src/core/remote.ts'
import { checkEach, refusals } from '../checks.ts'
import { createHistory, type Entry, isAnswered } from '../history.ts'
import { log } from '../objects.ts'
import { readRestored } from '../restored.ts'
import { createNames, type Finding, finding, type MakeWorkload, type Session } from '../workload.ts'

export type LogAsked = { readonly append: string } | { readonly read: 'all' | 'audit' }
/** An append's place, or the items. */
export type LogAnswer = number | readonly string[]
type LogEntry = Entry<LogAsked, LogAnswer>

const itemOf = ({ asked }: LogEntry) => ('append' in asked ? asked.append : undefined)
const listOf = ({ outcome }: LogEntry) =>
  outcome.kind === 'acknowledged' && typeof outcome.answer === 'object' ? outcome.answer : undefined

export const checkLog = (object: string, entries: readonly LogEntry[]): Finding[] => {
  const findings: Finding[] = []
  const appends = new Map(entries.flatMap((entry) => (itemOf(entry) === undefined ? [] : [[itemOf(entry)!, entry] as const])))
  const acknowledged = entries.filter((entry) => isAnswered(entry) && itemOf(entry) !== undefined)
  const reads = entries.flatMap((entry) => (listOf(entry) === undefined ? [] : [{ entry, items: listOf(entry)! }]))
  const longest = reads.toSorted((a, b) => b.items.length - a.items.length)[0]

  for (const { entry, items } of reads) {
    const about = (item: string | undefined) => [...(appends.has(item ?? '') ? [appends.get(item ?? '')!] : []), entry]
    const missing = 'read' in entry.asked && entry.asked.read === 'audit' ? 'lost' : 'stale'
    const present = new Set(items)
    const doubled = items.find((item, index) => items.indexOf(item) !== index)
    if (doubled !== undefined) findings.push(finding('doubled', object, `${doubled} stands there twice`, about(doubled)))
    const foreign = items.find((item) => (appends.get(item)?.invoked ?? Infinity) > entry.replied)
    if (foreign !== undefined) findings.push(finding('torn', object, `${foreign} was not appended by then`, about(foreign)))
    for (const append of acknowledged) {
      if (append.replied < entry.invoked && !present.has(itemOf(append) ?? ''))
        findings.push(finding(missing, object, `${itemOf(append)} is missing`, [append, entry]))
    }
    const shorter = reads.find((earlier) => earlier.entry.replied < entry.invoked && earlier.items.length > items.length)
    if (shorter !== undefined) findings.push(finding(missing, object, 'an earlier read had more', [shorter.entry, entry]))
    const wrong = items.findIndex((item, index) => longest?.items[index] !== item)
    if (longest !== undefined && wrong >= 0)
      findings.push(finding('torn', object, `place ${wrong + 1} changed between two reads`, [entry, longest.entry]))
  }
  for (const append of acknowledged) {
    const place = append.outcome.kind === 'acknowledged' && typeof append.outcome.answer === 'number' ? append.outcome.answer : 0
    const there = longest?.items[place - 1]
    if (there !== undefined && there !== itemOf(append))
      findings.push(finding('disordered', object, `${itemOf(append)} was said to be at place ${place}, where ${there} is`, [append]))
  }
  // A caller's next append begins after the last was acknowledged, so it stands behind it.
  const places = new Map(longest?.items.map((item, place) => [item, place]))
  const lastOf = new Map<number, LogEntry>()
  for (const append of acknowledged) {
    const before = lastOf.get(append.caller)
    lastOf.set(append.caller, append)
    const place = places.get(itemOf(append) ?? '')
    const placeBefore = before === undefined ? undefined : places.get(itemOf(before) ?? '')
    if (before !== undefined && place !== undefined && placeBefore !== undefined && place < placeBefore)
      findings.push(finding('disordered', object, `${itemOf(append)} stands before ${itemOf(before)}`, [before, append]))
  }
  return findings
}

/** Logs: every acknowledged item stands there once, and each caller's in the caller's order. */
export const logs: MakeWorkload = (clock) => {
  const history = createHistory<LogAsked, LogAnswer>(clock)
  const names = createNames('log', { atOnce: 2, calls: 150 })
  let items = 0
  const read = (session: Session, object: string, how: 'all' | 'audit', into = history) =>
    session.perform<LogAsked, LogAnswer>({
      history: into,
      object,
      asked: { read: how },
      changes: false,
      ...(into !== history && { repeat: 'must' }),
      run: async (client, options) => {
        try {
          return await withCall(client.object(log, object), options).read()
        } catch (error) {
          // Made by its first item.
          if (isActiveStorageError(error, 'not-found')) return []
          throw error
        }
      },
    })
  return {
    name: 'logs',
    callers: 2,
    async step(session) {
      const object = names.pick(session.draws)
      if (session.draws.below(3) === 0) {
        await read(session, object, 'all')
        return
      }
      const append = `${session.caller}.${++items}`
      await session.perform<LogAsked, LogAnswer>({
        history,
        object,
        asked: { append },
        changes: true,
        run: (client, options) => withCall(client.object(log, object), options).append(append),
      })
    },
    async audit(session) {
      for (const object of names.all()) await read(session, object, 'audit')
    },
    restored: (session) =>
      readRestored({
        clock,
        history,
        objects: names.recent(),
        read: (object, into) => read(session, object, 'audit', into),
        check: checkLog,
      }),
    check() {
      const { findings, objects } = checkEach(history.entries, checkLog)
      return { findings: [...refusals(history.entries), ...findings], objects, linearizable: 0 }
    },
  }
}
