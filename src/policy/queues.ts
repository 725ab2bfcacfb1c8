import type { SiteName } from '../core/ids.ts'
import { bounded } from './estimators.ts'
import type { SiteView } from './types.ts'

/** A load report as it was when it was new, with the calls of ours that were under way then. */
interface Seen {
  queueMs: number
  /** Calls under way, the reported one included. */
  inFlight: number
  /** The figure as the site gave it. */
  reported: number
  ours: number
}

/**
 * How long a new call would wait at a site. A load report is as old as the last answer: calls sent since have joined the
 * queue, calls that have ended have left it. By Little's law each call in the system stands for
 * (wait + service) / calls in the system, so the report is scaled to the calls that are there now: those of others as
 * reported, ours as counted. While nobody waited the site was not saturated, and calls under way side by side cost
 * nothing.
 */
export class Queues {
  readonly #seen = new Map<SiteName, Seen>()

  waitMs(site: SiteView, serviceMs: number | undefined): number {
    const queueMs = site.queueMs ?? 0
    const reported = site.inFlight ?? 1
    const seen = bounded(this.#seen, site.name, () => ({ queueMs: -1, inFlight: -1, reported: -1, ours: 0 }), 256)
    // This process counts its calls live, so only a new wait tells of a new report there.
    if (seen.queueMs !== queueMs || (seen.reported !== reported && site.role !== 'local')) {
      // The report came with an answer, whose call has just left our own count.
      const inFlight = site.role === 'local' ? site.outstanding + 1 : Math.max(1, reported)
      Object.assign(seen, { queueMs, reported, inFlight, ours: Math.min(inFlight, site.outstanding + 1) })
    }
    if (queueMs <= 0) return 0
    if (serviceMs === undefined) return queueMs
    const perCall = (queueMs + serviceMs) / seen.inFlight
    const now = seen.inFlight - seen.ours + site.outstanding + 1
    return Math.max(0, perCall * now - serviceMs)
  }
}
