import { setTimeout as pause } from 'node:timers/promises'
import { codes, failure, isActiveStorageError } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import type { Place } from '../core/remote.ts'
import type { CallReport } from '../core/transport.ts'
import { type CallView, type Decision, type Policy, roles } from '../policy/types.ts'
import type { DecisionLog } from './decision-log.ts'
import type { Site } from './site.ts'

/** Runs a placed call: the site of each stage, and where to leave each stage group's report. */
export type Execute<T> = (sites: readonly Site[], onReport: (report: CallReport) => void) => Promise<T>

export interface Placer {
  /**
   * Runs a movable call where the policy says, and elsewhere when that fails in a way that another site may not.
   * @param place overrides the policy: that site, and no other
   */
  run<T>(view: CallView, place: Place | undefined, signal: AbortSignal | undefined, execute: Execute<T>): Promise<T>
}

/** For how long all sites are tried again before a call fails for good: time for a node to restart. */
const PATIENCE_MS = 20_000
/** The first pause between two rounds over the sites, doubled each time, and the longest. */
const PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2000

/** The site of a role, or of that name. @throws `invalid-argument` */
export const siteAt = (sites: ReadonlyMap<SiteName, Site>, place: Place): Site => {
  for (const site of sites.values()) if (site.name === place || (site.role === place && roles.includes(site.role))) return site
  throw failure(
    'invalid-argument',
    `there is no site "${place}": this client has ${[...sites.values()].map(({ name, role }) => (name === role ? name : `${name} (${role})`)).join(', ')}`,
  )
}

const worthAnotherSite = (error: unknown) => isActiveStorageError(error) && codes[error.code].retry !== 'never'

export const createPlacer = (policy: Policy, sites: ReadonlyMap<SiteName, Site>, log: DecisionLog): Placer => {
  const views = [...sites.values()].map(({ view }) => view)
  const named = (name: SiteName): Site => {
    const site = sites.get(name)
    if (site === undefined) throw failure('internal', `the policy chose the unknown site ${name}`)
    return site
  }

  const attempt = async <T>(view: CallView, decision: Decision, chosen: readonly Site[], execute: Execute<T>): Promise<T> => {
    const reports: CallReport[] = []
    const began = performance.now()
    const outcome = (failed: boolean) => ({ reports, totalMs: performance.now() - began, failed })
    const ranOn = chosen.map(({ name }) => name)
    // What ran elsewhere teaches what it cost there.
    const made = { ...decision, sites: ranOn }
    try {
      const result = await execute(chosen, (report) => reports.push(report))
      policy.observe(view, made, outcome(false))
      log.add(`${view.type}.${view.method}`, decision, outcome(false), ranOn)
      return result
    } catch (error) {
      policy.observe(view, made, outcome(true))
      log.add(`${view.type}.${view.method}`, decision, outcome(true), ranOn)
      throw error
    }
  }

  return {
    async run(view, place, signal, execute) {
      if (place !== undefined) {
        const site = siteAt(sites, place)
        return execute(
          view.stages.map(() => site),
          () => undefined,
        )
      }
      let last: unknown
      const until = performance.now() + Math.min(PATIENCE_MS, view.budgetMs ?? PATIENCE_MS)
      for (let wait = PAUSE_MS; ; wait = Math.min(2 * wait, LONGEST_PAUSE_MS)) {
        const decision = policy.decide(view, views)
        const choices = [decision.sites.map(named), ...decision.fallbacks.map((name) => view.stages.map(() => named(name)))]
        for (const chosen of choices) {
          try {
            return await attempt(view, decision, chosen, execute)
          } catch (error) {
            if (!worthAnotherSite(error)) throw error
            last = error
          }
        }
        if (performance.now() + wait > until) throw last
        await pause(wait, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
        if (signal?.aborted === true) throw last
      }
    },
  }
}
