/** The times at which something other than a kill is wrong with nodes or links. */
export interface Trouble {
  /** True while a fault lasts. */
  readonly active: boolean
  /** A fault begins. @returns what ends it */
  begin(): () => void
  /** Whether a fault lasted at this time of `performance.now()` or later, or had ended shortly before. */
  since(time: number): boolean
}

/** For so long after a fault its traces may still be met: a store is tried again, a site that was silent is avoided. */
const AFTER_MS = 10_000

export const createTrouble = (): Trouble => {
  let faults = 0
  let ended = -Infinity
  return {
    get active() {
      return faults > 0
    },
    begin() {
      faults++
      let over = false
      return () => {
        if (over) return
        over = true
        faults--
        ended = performance.now()
      }
    },
    since: (time) => faults > 0 || ended + AFTER_MS >= time,
  }
}
