import type { PolicyDocument } from './document.ts'
import type { CallMemory } from './memory.ts'
import type { Priced } from './predict.ts'

/** Decisions between two trials of one kind of call: they are spread, not a burst. */
const GAP = 3
/** A trial must not threaten to take more than this many times the best plan. */
const WORST = 2
/** A plan this near to the best, but known from few samples, gets a few more trials. */
const NEAR = 1.5
const FEW_SAMPLES = 4
const MORE_TRIES = 2
/** Decisions after which an estimate that was not used is old. */
const OLD = 100

export interface Exploring {
  readonly priced: Priced
  readonly why: 'unmeasured' | 'close' | 'hand-over' | 'old'
}

/**
 * A plan to try instead of the best one, or undefined. Trials are few, apart, one at a time on a site, and never taken
 * where the deadline or the links alone speak against it.
 */
export const trialFor = (
  memory: CallMemory,
  options: readonly Priced[],
  best: Priced,
  budgetMs: number | undefined,
  document: PolicyDocument,
  busy: (site: string) => boolean,
): Exploring | undefined => {
  const { tries, share } = document.costModel.explore
  if (tries === 0 || memory.now - memory.lastTrial < GAP) return undefined
  const worst = best.ms * WORST
  // With less time left than a slow trial and then the best plan would need, nothing is risked; unless the best one known
  // is too late in any case.
  if (budgetMs !== undefined && best.ms <= budgetMs && budgetMs < worst + best.ms) return undefined
  const free = options.filter((one) => one !== best && one.floorMs <= worst && one.plan.groups.every(({ site }) => !busy(site.name)))
  // What cannot win even if it computed in no time is not worth a trial.
  const hopeful = free.filter((one) => one.floorMs < best.ms)
  const single = hopeful.filter(({ plan }) => plan.groups.length === 1)
  const tried = (one: Priced): number => memory.plan(one.plan.key).trials
  // The least tried first, so that all sites come to be known at about the same time.
  const next = (some: readonly Priced[]): Priced | undefined => some.toSorted((a, b) => tried(a) - tried(b) || a.floorMs - b.floorMs)[0]

  // One more than needed, for a trial that failed or whose outcome was lost.
  const unmeasured = next(single.filter((one) => (one.samples < tries - 1 && tried(one) < tries) || (!one.measured && tried(one) <= tries)))
  if (unmeasured !== undefined) return { priced: unmeasured, why: 'unmeasured' }
  const close = next(
    single.filter((one) => one.measured && one.samples < FEW_SAMPLES && one.ms < best.ms * NEAR && tried(one) < tries + MORE_TRIES),
  )
  if (close !== undefined) return { priced: close, why: 'close' }
  // The compute terms of a cut come from whole runs. Only what its sites hand over may be missing, and that is worth
  // finding out only where the cut would win if it were nothing.
  const cut = next(hopeful.filter((one) => one.onlyHandOver && one.ms < best.ms * (1 - document.costModel.margin) && tried(one) <= tries))
  if (cut !== undefined) return { priced: cut, why: 'hand-over' }

  if (memory.probes + 1 > memory.now * share) return undefined
  const old = free.filter(
    (one) =>
      one.measured &&
      memory.now - memory.plan(one.plan.key).lastRun > OLD &&
      // The queue report is as old as the last run there: what it would take without is what is worth a look. An estimate
      // from few samples may be far too high, for which the purse alone sets the bound.
      (one.quietMs <= worst || one.samples < FEW_SAMPLES) &&
      memory.purse >= Math.max(0, one.quietMs - best.ms),
  )
  const probe = old.toSorted((a, b) => a.quietMs - b.quietMs)[0]
  return probe === undefined ? undefined : { priced: probe, why: 'old' }
}
