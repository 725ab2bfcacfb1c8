import { steadyNow } from '../../core/clock.ts'
import { failure } from '../../core/errors.ts'
import type { ComputeFigures } from '../../core/self.ts'

/** Crashes after which a model is refused. One may have been an accident of the machine. */
const CRASHES = 2
/** How long a model is refused, and how long its crashes are remembered, in ms. */
const REFUSED_MS = 600_000
/** Models whose crashes are remembered; the oldest is forgotten first. */
const MOST = 1000

interface Entry {
  crashes: number
  reason: string
  until: number
}

/** Models in whose runs processes died. A run that was ended for taking too long does not count: that is its caller's deadline. */
export interface Quarantine {
  /** @throws ActiveStorageError `model-quarantined` with the hash, the reason, the time and a remedy */
  check(hash: string): void
  /** @param reason how the process ended */
  crashed(hash: string, reason: string): void
  readonly list: ComputeFigures['quarantined']
}

export const createQuarantine = (now: () => number = steadyNow): Quarantine => {
  const known = new Map<string, Entry>()
  const expire = () => {
    for (const [hash, { until }] of known) if (until <= now()) known.delete(hash)
  }
  return {
    check(hash) {
      const entry = known.get(hash)
      if (entry === undefined || entry.crashes < CRASHES) return
      if (entry.until <= now()) {
        known.delete(hash)
        return
      }
      throw failure(
        'model-quarantined',
        `the model ${hash} has ended ${entry.crashes} compute processes here (the last one ${entry.reason}) and is refused until ` +
          `${new Date(entry.until).toISOString()}: correct the model or the inputs that end it, then wait until that time or start the node again`,
      )
    },
    crashed(hash, reason) {
      expire()
      const entry = known.get(hash) ?? { crashes: 0, reason, until: 0 }
      known.delete(hash)
      known.set(hash, { crashes: entry.crashes + 1, reason, until: now() + REFUSED_MS })
      for (const oldest of known.keys()) {
        if (known.size <= MOST) break
        known.delete(oldest)
      }
    },
    get list() {
      expire()
      return [...known]
        .filter(([, { crashes }]) => crashes >= CRASHES)
        .map(([hash, { reason, until }]) => ({ hash, reason, until: new Date(until).toISOString() }))
    },
  }
}
