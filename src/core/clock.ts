import { setTimeout as pause } from 'node:timers/promises'

/** Sources of time, in ms. */
export interface ClockSources {
  /** Since 1970; may be set by an operator or by NTP at any moment. */
  readonly wall: () => number
  /** Since some moment; only ever rises. */
  readonly monotonic: () => number
}

/**
 * Ms since this process began, which no step of the wall clock moves. All deadlines in a process are moments of this
 * clock; on the wire they are the ms that are left.
 */
export const monotonicNow = (): number => performance.now()

/** What timed work needs of time: tests and simulations bring their own. */
export interface Clock {
  /** Ms that only rise. */
  readonly now: () => number
  /** Waits for so many ms, or until the signal fires. Never fails. */
  readonly sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

export const systemClock: Clock = Object.freeze({
  now: monotonicNow,
  sleep: (ms: number, signal: AbortSignal | undefined) =>
    pause(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
})

/** Corrections of the wall clock up to this are followed. */
const FOLLOWED_MS = 60_000

/**
 * The time in ms since 1970, without the jumps of the wall clock: what is kept for a day must not be dropped because the
 * clock was a day ahead for a minute. A correction of more than a minute is followed by the next process. A machine that
 * was suspended is behind by so long until then, which keeps things longer, never shorter.
 */
export const createSteadyClock = ({ wall, monotonic }: ClockSources): (() => number) => {
  let base = wall()
  let mark = monotonic()
  return () => {
    const now = monotonic()
    const expected = base + now - mark
    const given = wall()
    if (Math.abs(given - expected) > FOLLOWED_MS) return expected
    base = given
    mark = now
    return given
  }
}

/** This process' steady clock: ms since 1970. */
export const steadyNow = createSteadyClock({ wall: () => Date.now(), monotonic: () => performance.now() })
