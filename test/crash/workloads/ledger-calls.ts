import { isActiveStorageError } from '../../../src/core/errors.ts'
import { type CallOptions, withCall } from '../../../src/core/remote.ts'
import type { Client } from '../../../src/sdk/client.ts'
import { type Clock, createHistory, type Entry, type History, isAnswered } from '../history.ts'
import { ledger } from '../objects.ts'
import { type Act, type Finding, finding, type Session } from '../workload.ts'

export type LedgerAsked =
  | { readonly post: string; readonly amount: number }
  | { readonly strike: string }
  | { readonly read: 'all' | 'audit' }
export interface Page {
  readonly count: number
  readonly sum: number
  readonly entries: readonly (readonly [string, number])[]
}
/** What a post, a strike and a read answer; null where there is no such ledger. */
export type LedgerAnswer = number | boolean | Page | null
export type LedgerEntry = Entry<LedgerAsked, LedgerAnswer>

export const pageOf = ({ outcome }: Entry<unknown, unknown>): Page | undefined =>
  outcome.kind === 'acknowledged' && typeof outcome.answer === 'object' && outcome.answer !== null ? (outcome.answer as Page) : undefined
/** The key that was posted: it is stored with the version at which it was. */
export const postedKey = (stored: string): string => stored.slice(0, stored.lastIndexOf('@'))

/** What the state says of the table is so. */
export const checkPage = (object: string, entry: Entry<unknown, unknown>): Finding[] => {
  const page = pageOf(entry)
  if (page === undefined) return []
  const { count, sum, entries } = page
  const found = entries.reduce((total, [, amount]) => total + amount, 0)
  if (count === entries.length && sum === found) return []
  const what = `the state says ${count} entries of ${sum}, the table holds ${entries.length} of ${found}`
  return [finding('torn', object, what, [entry])]
}

export interface LedgerCalls {
  readonly history: History<LedgerAsked, LedgerAnswer>
  /** A key that no other post has. */
  newKey(caller: number): string
  post(session: Session, object: string, key: string, repeat?: Act<LedgerAsked, LedgerAnswer>['repeat']): Promise<LedgerEntry>
  strike(session: Session, object: string, key: string): Promise<LedgerEntry>
  read(
    session: Session,
    object: string,
    how: 'all' | 'audit',
    repeat?: 'must',
    into?: History<LedgerAsked, LedgerAnswer>,
  ): Promise<LedgerEntry>
}

/** An object's name and the node where its calls begin; default the home of all objects. */
type Place = (object: string) => { readonly id: string; readonly at?: string }

export const createLedgerCalls = (clock: Clock, place: Place = (id) => ({ id })): LedgerCalls => {
  const history = createHistory<LedgerAsked, LedgerAnswer>(clock)
  let keys = 0
  const remote = (client: Client, object: string, options: CallOptions) => {
    const { id, ...at } = place(object)
    return withCall(client.object(ledger, id, at), options)
  }
  return {
    history,
    newKey: (caller) => `${caller}.${++keys}`,
    post: (session, object, post, repeat) => {
      const amount = 1 + session.draws.below(1000)
      return session.perform<LedgerAsked, LedgerAnswer>({
        history,
        object,
        asked: { post, amount },
        changes: true,
        ...(repeat !== undefined && { repeat }),
        run: (client, options) => remote(client, object, options).post(post, amount),
      })
    },
    strike: (session, object, strike) =>
      session.perform<LedgerAsked, LedgerAnswer>({
        history,
        object,
        asked: { strike },
        changes: true,
        run: (client, options) => remote(client, object, options).strike(strike),
      }),
    read: (session, object, how, repeat, into = history) =>
      session.perform<LedgerAsked, LedgerAnswer>({
        history: into,
        object,
        asked: { read: how },
        changes: false,
        ...(repeat !== undefined && { repeat }),
        run: async (client, options) => {
          try {
            return await remote(client, object, options).read()
          } catch (error) {
            if (isActiveStorageError(error, 'not-found')) return null
            throw error
          }
        },
      }),
  }
}

/** One caller's next call of many on a ledger: a read, a post, or the last post struck out again. */
export const useLedger = async (calls: LedgerCalls, session: Session, object: string, own: Map<string, string>): Promise<void> => {
  const { caller, draws } = session
  const mine = `${caller} ${object}`
  const last = own.get(mine)
  const choice = draws.below(6)
  if (choice < 2) {
    await calls.read(session, object, 'all')
    return
  }
  if (choice === 2 && last !== undefined) {
    own.delete(mine)
    await calls.strike(session, object, last)
    return
  }
  const key = calls.newKey(caller)
  if (isAnswered(await calls.post(session, object, key))) own.set(mine, key)
}

/** A ledger that many use, which is never deleted. */
export const checkLedger = (object: string, entries: readonly LedgerEntry[]): Finding[] => {
  const findings: Finding[] = []
  const posts = new Map<string, LedgerEntry & { readonly asked: { readonly post: string; readonly amount: number } }>()
  const strikes = new Map<string, LedgerEntry>()
  for (const entry of entries) {
    const { asked } = entry
    if ('post' in asked) posts.set(asked.post, { ...entry, asked })
    if ('strike' in asked) strikes.set(asked.strike, entry)
  }
  for (const entry of entries) {
    if (!('read' in entry.asked) || !isAnswered(entry)) continue
    findings.push(...checkPage(object, entry))
    const page = pageOf(entry) ?? { count: 0, sum: 0, entries: [] }
    const missing = entry.asked.read === 'audit' ? 'lost' : 'stale'
    const keys = page.entries.map(([stored]) => postedKey(stored))
    const present = new Set(keys)
    const about = (key: string) => [posts.get(key), strikes.get(key), entry].filter((each) => each !== undefined)

    const doubled = keys.find((key, index) => keys.indexOf(key) !== index)
    if (doubled !== undefined) findings.push(finding('doubled', object, `${doubled} stands there twice`, about(doubled)))
    for (const [stored, amount] of page.entries) {
      const post = posts.get(postedKey(stored))
      if (post === undefined || post.invoked > entry.replied || post.asked.amount !== amount)
        findings.push(finding('torn', object, `${stored} of ${amount} was not posted by then`, about(postedKey(stored))))
    }
    for (const [key, post] of posts) {
      const strike = strikes.get(key)
      const struck = strike !== undefined && strike.invoked < entry.replied && strike.outcome.kind !== 'failed'
      if (isAnswered(post) && post.replied < entry.invoked && !struck && !present.has(key))
        findings.push(finding(missing, object, `${key} is missing`, about(key)))
      if (strike !== undefined && isAnswered(strike) && strike.replied < entry.invoked && present.has(key))
        findings.push(finding(missing, object, `${key} is there though it was struck out`, about(key)))
    }
  }
  // A caller strikes out what it knows to be there.
  for (const [key, strike] of strikes) {
    if (strike.outcome.kind === 'acknowledged' && strike.outcome.answer !== true) {
      const kind = strike.tries > 1 ? 'doubled' : 'lost'
      findings.push(finding(kind, object, `${key} was not there to be struck out`, [posts.get(key) ?? strike, strike]))
    }
  }
  return findings
}
