import { checkEach, refusals } from '../checks.ts'
import { createHistory, isAnswered } from '../history.ts'
import { ledger } from '../objects.ts'
import { type Finding, finding, type MakeWorkload, type Session } from '../workload.ts'
import { checkPage, createLedgerCalls, type LedgerEntry, pageOf, postedKey } from './ledger-calls.ts'

type Asked = { readonly newVersion: true } | { readonly consolidate: string }
/** Rounds in which one ledger is used. */
const ROUNDS = 15

/**
 * Versions of ledgers, each used by one caller, which therefore knows what must be there: a version holds what the
 * ledger held, is worked on apart, and takes its place wholly or not at all.
 */
export const versions: MakeWorkload = (clock) => {
  const calls = createLedgerCalls(clock)
  const history = createHistory<Asked, string | number>(clock)
  const found: Finding[] = []
  /** The ledger of each caller, and what it must hold. */
  interface Own {
    readonly object: string
    rounds: number
    keys: Set<string>
  }
  const current = new Map<number, Own>()
  const all: Own[] = []
  /** Keys of posts that were never answered: they may be there. */
  const uncertain = new Set<string>()

  const ownOf = (caller: number): Own => {
    const known = current.get(caller)
    if (known !== undefined && known.rounds++ < ROUNDS) return known
    const made: Own = { object: `versioned-${caller}-${all.length + 1}`, rounds: 1, keys: new Set() }
    current.set(caller, made)
    all.push(made)
    return made
  }
  const perform = (session: Session, object: string, asked: Asked) =>
    session.perform<Asked, string | number>({
      history,
      object,
      asked,
      changes: true,
      repeat: 'once',
      run: async (client) =>
        'newVersion' in asked
          ? client.objects.newVersion(ledger, object)
          : (await client.objects.consolidate(ledger, object, asked.consolidate)).version,
    })
  const post = async (session: Session, object: string, keys: Set<string>) => {
    const key = calls.newKey(session.caller)
    const entry = await calls.post(session, object, key, 'must')
    if (isAnswered(entry)) keys.add(key)
    else uncertain.add(key)
  }
  /** Reads a ledger that must hold exactly these keys. */
  const expect = async (
    session: Session,
    object: string,
    keys: ReadonlySet<string>,
    how: 'all' | 'audit' = 'all',
  ): Promise<LedgerEntry> => {
    const entry = await calls.read(session, object, how, 'must')
    if (!isAnswered(entry)) return entry
    const there = new Set(pageOf(entry)?.entries.map(([stored]) => postedKey(stored)) ?? [])
    const missing = [...keys].filter((key) => !there.has(key))
    const foreign = [...there].filter((key) => !keys.has(key) && !uncertain.has(key))
    const shown = [...history.entries.filter((each) => each.object === object).slice(-6), entry]
    if (missing.length > 0) found.push(finding('lost', object, `missing: ${missing.join(', ')}`, shown))
    if (foreign.length > 0) found.push(finding('torn', object, `of another version: ${foreign.join(', ')}`, shown))
    return entry
  }

  const workOnVersion = async (session: Session, own: Own) => {
    const { object } = own
    const taken = await perform(session, object, { newVersion: true })
    if (!isAnswered(taken) || typeof taken.outcome.answer !== 'string') return
    const version = taken.outcome.answer
    const keys = new Set(own.keys)
    await expect(session, version, keys)
    for (let count = session.draws.below(3); count >= 0; count--) await post(session, version, keys)
    const behind = session.draws.below(4) === 0
    if (behind) await post(session, object, own.keys)
    await expect(session, object, own.keys)

    const put = await perform(session, object, { consolidate: version })
    let happened = isAnswered(put)
    if (put.outcome.kind === 'unknown') {
      const left = await calls.read(session, version, 'all', 'must')
      if (!isAnswered(left)) {
        // Nobody knows what this ledger holds now.
        current.delete(session.caller)
        all.splice(all.indexOf(own), 1)
        return
      }
      happened = pageOf(left) === undefined
    }
    if (put.outcome.kind === 'failed' && !(behind && put.outcome.code === 'version-mismatch'))
      found.push(finding('refused', object, `a consolidation was refused: ${put.outcome.code}`, [taken, put]))
    if (happened && behind) found.push(finding('lost', object, 'a version took the place of changes that it did not know', [taken, put]))
    if (happened) own.keys = keys
    await expect(session, object, own.keys)
    await expect(session, version, happened ? new Set() : keys)
  }
  return {
    name: 'versions',
    callers: 1,
    async step(session) {
      const own = ownOf(session.caller)
      await post(session, own.object, own.keys)
      if (session.draws.below(2) === 0) await workOnVersion(session, own)
    },
    async audit(session) {
      for (const { object, keys } of all) await expect(session, object, keys, 'audit')
    },
    check() {
      const { findings, objects } = checkEach(calls.history.entries, (object, entries) =>
        entries.flatMap((entry) => checkPage(object, entry)),
      )
      const refused = history.entries.filter(({ asked, outcome }) => 'newVersion' in asked && outcome.kind === 'failed')
      return {
        findings: [...found, ...findings, ...refusals(refused), ...refusals(calls.history.entries)],
        objects,
        linearizable: 0,
      }
    },
  }
}
