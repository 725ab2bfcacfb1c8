import type { Clock } from '../../src/core/clock.ts'

/** A clock whose time passes where somebody sleeps, or says so. */
export interface VirtualClock extends Clock {
  pass(ms: number): void
}

export const virtualClock = (start = 0): VirtualClock => {
  let now = start
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms
      await Promise.resolve()
    },
    pass: (ms) => {
      now += ms
    },
  }
}
