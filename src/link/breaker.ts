/** When a breaker opens and how long it stays open. */
export interface BreakerOptions {
  /** Failures in a row that open it. Default 5: fewer trips on one lost packet, more makes every caller wait. */
  readonly failures?: number
  /** First pause in ms; each pause after a failed probe is twice the last, up to a minute. Default 1,000. */
  readonly coolMs?: number
  readonly now?: () => number
  readonly random?: () => number
}

const LONGEST_MS = 60_000

/** Remembers that a site does not answer, so that calls go elsewhere at once instead of each finding out for itself. */
export interface Breaker {
  /** True where a call may be tried; while open, one probe after each pause. */
  allows(): boolean
  /** True unless open; asking takes no probe. */
  readonly up: boolean
  succeeded(): void
  failed(): void
}

export const createBreaker = ({
  failures = 5,
  coolMs = 1000,
  now = () => performance.now(),
  random = Math.random,
}: BreakerOptions = {}): Breaker => {
  let inARow = 0
  let opened = 0
  let openUntil = 0
  const pause = () => {
    opened++
    // Jitter, so that many clients of one node do not probe it in the same instant.
    openUntil = now() + Math.min(LONGEST_MS, coolMs * 2 ** (opened - 1)) * (0.75 + random() / 2)
  }
  return {
    get up() {
      return opened === 0 || now() >= openUntil
    },
    allows() {
      if (opened === 0) return true
      if (now() < openUntil) return false
      pause()
      return true
    },
    succeeded() {
      inARow = 0
      opened = 0
    },
    failed() {
      inARow++
      if (opened === 0 && inARow >= failures) pause()
    },
  }
}
