import { type Clock, systemClock } from '../core/clock.ts'
import { abortedBy, codes, failure, isActiveStorageError, toFailure } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import type { Place } from '../core/remote.ts'
import type { CallReport } from '../core/transport.ts'
import { type CallView, type Decision, type Outcome, type Policy, roles } from '../policy/types.ts'
import type { DecisionLog } from './decision-log.ts'
import type { Site } from './site.ts'
import { type StreamFigures, StreamWatch } from './stream-figures.ts'

/** Runs a placed call: the site of each stage, and where to leave each stage group's report. */
export type Execute<T> = (sites: readonly Site[], onReport: (report: CallReport) => void) => Promise<T>

/** Begins a placed stream at a site. */
export type Open<T> = (site: Site, onReport: (report: CallReport) => void) => AsyncIterable<T>

/** A call to place: how much time is left to it is worked out at each decision. */
export type PlacedView = Omit<CallView, 'budgetMs'>

/** Where a placed call may go, and until when. */
export interface PlaceOptions {
  /** Overrides the policy: that site, and no other. */
  readonly place?: Place | undefined
  readonly signal?: AbortSignal | undefined
  /** As `CallContext` has it: no site is tried, and no pause made, beyond it. */
  readonly deadline?: number | undefined
}

export interface Placer {
  /**
   * Runs a movable call where the policy says, and elsewhere when that fails in a way that another site may not.
   * @throws `deadline-exceeded` where no time is left for another site
   */
  run<T>(view: PlacedView, options: PlaceOptions, execute: Execute<T>): Promise<T>
  /**
   * The same for a call that gives a stream. It goes to another site only while it has given nothing: what its reader has
   * taken cannot be taken back.
   */
  stream<T>(view: PlacedView, options: PlaceOptions, open: Open<T>): AsyncGenerator<T>
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

/** Where a call is tried, and why there. */
interface Try {
  readonly decision: Decision
  /** The site of each stage. */
  readonly chosen: readonly Site[]
}

export const createPlacer = (
  policy: Policy,
  sites: ReadonlyMap<SiteName, Site>,
  log: DecisionLog,
  { now, sleep }: Clock = systemClock,
): Placer => {
  const views = [...sites.values()].map(({ view }) => view)
  const named = (name: SiteName): Site => {
    const site = sites.get(name)
    if (site === undefined) throw failure('internal', `the policy chose the unknown site ${name}`)
    return site
  }

  /** The places to try, one after the other: those of a decision, then, after a pause, those of the next. */
  const createTries = (view: PlacedView, { signal, deadline = Infinity }: PlaceOptions) => {
    const until = Math.min(now() + PATIENCE_MS, deadline)
    let wait = PAUSE_MS
    let left: Try[] = []
    const decide = () => {
      const budgetMs = deadline === Infinity ? undefined : Math.max(0, deadline - now())
      const decision = policy.decide({ ...view, budgetMs }, views)
      const others = decision.fallbacks.map((name) => view.stages.map(() => named(name)))
      left = [decision.sites.map(named), ...others].map((chosen) => ({ decision, chosen }))
    }
    const next = (): Try => {
      const [first, ...others] = left
      if (first === undefined) throw failure('internal', 'a decision without a place')
      left = others
      return first
    }
    return {
      first: (): Try => {
        decide()
        return next()
      },
      /** @throws the error where no other site may do better; `deadline-exceeded`, `cancelled` */
      after: async (error: unknown): Promise<Try> => {
        if (!worthAnotherSite(error)) throw error
        stopIfAborted(signal)
        if (left.length === 0) {
          if (now() + wait > until) throw error
          await sleep(wait, signal)
          stopIfAborted(signal)
          wait = Math.min(2 * wait, LONGEST_PAUSE_MS)
          decide()
        }
        if (now() >= deadline) throw failure('deadline-exceeded', `the time given to the call ran out: ${toFailure(error).text}`, error)
        return next()
      },
    }
  }

  const note = (view: PlacedView, { decision, chosen }: Try, outcome: Outcome, stream?: StreamFigures) => {
    const ranOn = chosen.map(({ name }) => name)
    // What ran elsewhere teaches what it cost there.
    policy.observe({ ...view, budgetMs: undefined }, { ...decision, sites: ranOn }, outcome)
    log.add(`${view.type}.${view.method}`, decision, outcome, ranOn, stream)
  }
  const attempt = async <T>(view: PlacedView, at: Try, execute: Execute<T>): Promise<T> => {
    const reports: CallReport[] = []
    const began = now()
    try {
      const result = await execute(at.chosen, (report) => reports.push(report))
      note(view, at, { reports, totalMs: now() - began, failed: false })
      return result
    } catch (error) {
      note(view, at, { reports, totalMs: now() - began, failed: true, partial: isActiveStorageError(error, 'cancelled') })
      throw error
    }
  }
  const allAt = (view: PlacedView, place: Place): readonly Site[] => {
    const site = siteAt(sites, place)
    return view.stages.map(() => site)
  }

  return {
    async run(view, options, execute) {
      if (options.place !== undefined) return execute(allAt(view, options.place), () => undefined)
      const tries = createTries(view, options)
      for (let at = tries.first(); ;) {
        try {
          return await attempt(view, at, execute)
        } catch (error) {
          at = await tries.after(error)
        }
      }
    },
    async *stream(view, options, open) {
      if (options.place !== undefined) return yield* open(siteAt(sites, options.place), () => undefined)
      const tries = createTries(view, options)
      for (let at = tries.first(); ;) {
        const watch = new StreamWatch(now)
        const reports: CallReport[] = []
        let problem: unknown
        try {
          yield* watch.read(open(siteOf(at), (report) => reports.push(report)))
          return
        } catch (error) {
          problem = error
          if (watch.items > 0) throw error
        } finally {
          const { figures } = watch
          const failed = figures.end === 'failed'
          // Without the site's own figures its share of the time is not known.
          const partial = failed ? isActiveStorageError(problem, 'cancelled') : figures.end === 'left' || reports[0]?.load === undefined
          note(view, at, { reports, totalMs: watch.waitedMs, failed, partial }, figures)
        }
        at = await tries.after(problem)
      }
    },
  }
}

const stopIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted === true) throw abortedBy(signal)
}
const siteOf = ({ chosen: [site] }: Try): Site => {
  if (site === undefined) throw failure('internal', 'a placement of no stage')
  return site
}
