import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { isActiveStorageError } from '../../src/core/errors.ts'
import type { CallOptions } from '../../src/core/remote.ts'
import { type Draws, opDraws } from '../../src/core/random.ts'
import type { Client } from '../../src/sdk/client.ts'
import type { Trouble } from './faults/trouble.ts'
import type { Entry } from './history.ts'
import type { Act, Session, Workload } from './workload.ts'

/** The time between two kills: the clients of that time, and what they tell of their calls. */
export interface Epoch {
  readonly life: number
  clientOf(caller: number): Client
  /** True from just before the kill. */
  readonly over: boolean
  asked(workload: string): void
  replied(): void
  /** Holds the epoch's clients open until a call has ended. */
  hold<Result>(call: Promise<Result>): Promise<Result>
}

export interface Tally {
  calls: number
  acknowledged: number
  failed: number
  /** Calls of which at least one try had an unknown outcome. */
  unknown: number
  /** Calls that were repeated with the same key. */
  retried: number
  /** Changes left unknown for good. */
  given: number
}
export const emptyTally = (): Tally => ({ calls: 0, acknowledged: 0, failed: 0, unknown: 0, retried: 0, given: 0 })

/** Nothing is known of a call that ended so: it may have happened. */
const unknowns = ['unavailable', 'deadline-exceeded', 'cancelled'] as const
const isUnknown = (error: unknown) => unknowns.some((code) => isActiveStorageError(error, code))
/** What a node may answer whose disk fails, or that has no descriptors left. A kill may follow, so that nothing is known. */
const troubles = ['read-only', 'storage-failed', 'resource-exhausted'] as const
const isTroubled = (error: unknown) => troubles.some((code) => isActiveStorageError(error, code))

/** One in so many changes of unknown outcome is never asked for again. */
const GIVE_UP = 16
/** For how long a node that lives may put a caller off, and the pause before it is asked again. */
const PATIENCE_MS = 60_000
const PAUSE_MS = 50
/** Deadlines of calls, in ms: some end before a fault does. */
const DEADLINES_MS = [1500, 3000, 20_000] as const

export interface CallerParts {
  readonly workload: Workload
  readonly caller: number
  readonly seed: number
  readonly tally: Tally
  readonly trouble: Trouble
  /** Gives calls deadlines that are shorter than faults. Default false: 20 s. */
  readonly hurried?: boolean
  /** Told of a call that was not answered though nothing was wrong with the nodes. Whether it happened is unknown. */
  onStuck(entry: Entry<unknown, unknown>, what: string): void
  /** The epoch in which a node serves; waits for the next while none does. */
  epoch(): Promise<Epoch>
}

/** A caller of one workload. */
export const createSession = ({ workload, caller, seed, tally, trouble, hurried = false, onStuck, epoch }: CallerParts): Session => {
  const draws: Draws = opDraws(seed, 0, `caller ${caller}`, 0)

  const perform = async <Asked, Answer>(act: Act<Asked, Answer>): Promise<Entry<Asked, Answer>> => {
    const { history, changes, repeat, run } = act
    const timeoutMs = hurried ? DEADLINES_MS[draws.below(DEADLINES_MS.length)]! : 20_000
    const options: CallOptions = { ...(changes && act.keyed !== false && { idempotencyKey: randomUUID() }) }
    let now = await epoch()
    const entry = history.begin(caller, act.object, act.asked)
    const fail = (code: string, text: string) => {
      history.end(entry, { kind: 'failed', code, text })
      tally.failed++
      return entry
    }
    tally.calls++
    const began = performance.now()
    let unknown = false
    for (let aliveUntil: number | undefined; ;) {
      entry.tries++
      if (entry.lives.at(-1) !== now.life) entry.lives.push(now.life)
      try {
        // The more often it was tried, the more time it gets: a slow machine is no fault of a node.
        const patient = Math.min(DEADLINES_MS.at(-1)!, timeoutMs * 2 ** Math.min(8, entry.tries - 1))
        const answering = now.hold(run(now.clientOf(caller), { ...options, timeoutMs: patient }))
        now.asked(workload.name)
        const answer = await answering
        history.end(entry, { kind: 'acknowledged', answer })
        tally.acknowledged++
        if (changes) now.replied()
        return entry
      } catch (error) {
        if (!isActiveStorageError(error)) throw error
        const refused = isActiveStorageError(error, 'overloaded')
        if (!refused && !isUnknown(error) && !(isTroubled(error) && trouble.since(began))) return fail(error.code, error.text)
        if (!refused && !unknown) {
          unknown = true
          tally.unknown++
        }
        if (!refused && repeat !== 'must') {
          if (!changes) return entry
          if (repeat === 'once' || draws.below(GIVE_UP) === 0) {
            tally.given++
            return entry
          }
        }
        if (!now.over) {
          // Busy, or still learning that its peer is there again: for a while only.
          if (trouble.active) aliveUntil = undefined
          aliveUntil ??= performance.now() + PATIENCE_MS
          if (performance.now() > aliveUntil) {
            onStuck(entry, `${error.code} for ${PATIENCE_MS} ms while the nodes lived: ${error.text}`)
            return entry
          }
          await pause(isActiveStorageError(error, 'overloaded') ? error.details.retryAfterMs : PAUSE_MS)
        }
        if (entry.tries === 1) tally.retried++
        const next = await epoch()
        // What another life has to answer in, begins with it.
        if (next !== now) aliveUntil = undefined
        now = next
      }
    }
  }
  return { caller, draws, perform }
}
