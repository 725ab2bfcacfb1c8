import type { SiteName } from '../core/ids.ts'
import { bounded } from './estimators.ts'
import type { SiteView } from './types.ts'

/** What the last new load report of a site said, and what it taught. */
interface Seen {
  queueMs: number
  /** The figure as the site gave it. */
  reported: number
  /** Calls of other clients there. */
  others: number
  /** Calls that the site runs side by side; undefined until it was seen saturated. */
  parallel: number | undefined
}

const WEIGHT = 0.3

/**
 * How long a new call would wait at a site. A report is as old as the last answer, and the queue has changed since. So a
 * report is used to learn how many calls the site runs side by side: by Little's law that is calls in the system times
 * service / (wait + service). The wait is then reckoned for the calls that are there now, those of others as reported and
 * ours as counted. A site that never made a call wait is taken to have room.
 */
export class Queues {
  readonly #seen = new Map<SiteName, Seen>()

  waitMs(site: SiteView, serviceMs: number | undefined): number {
    const queueMs = site.queueMs ?? 0
    const seen = bounded(this.#seen, site.name, (): Seen => ({ queueMs: -1, reported: -1, others: 0, parallel: undefined }), 256)
    const reported = site.inFlight ?? site.outstanding + 1
    if (serviceMs === undefined || serviceMs <= 0) return queueMs
    // This process counts its calls live, so only a new wait tells of a new report there.
    if (seen.queueMs !== queueMs || (seen.reported !== reported && site.role !== 'local')) {
      // The report came with an answer, whose call has just left our own count.
      const inFlight = site.role === 'local' ? site.outstanding + 1 : Math.max(1, reported)
      seen.others = Math.max(0, inFlight - site.outstanding - 1)
      seen.queueMs = queueMs
      seen.reported = reported
      learn(seen, inFlight, queueMs, serviceMs)
    }
    if (seen.parallel === undefined) return 0
    return Math.max(0, (seen.others + site.outstanding + 1) / seen.parallel - 1) * serviceMs
  }
}

const learn = (seen: Seen, inFlight: number, queueMs: number, serviceMs: number): void => {
  if (queueMs > serviceMs / 10) {
    // Below one it was no queue that the call waited in, but a worker's start, which the next call does not pay again.
    const parallel = Math.max(1, (inFlight * serviceMs) / (queueMs + serviceMs))
    seen.parallel = seen.parallel === undefined ? parallel : seen.parallel * (parallel / seen.parallel) ** WEIGHT
  } else if (seen.parallel !== undefined) {
    // Nobody waited, so all of them ran.
    seen.parallel = Math.max(seen.parallel, inFlight)
  }
}
