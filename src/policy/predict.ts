import { type Estimate, type Knowledge, unitsOf } from './estimators.ts'
import { inverse, type Missing, missingInputs } from './inputs.ts'
import { type Group, type Plan, plansFor, sitesOf } from './plan.ts'
import type { Queues } from './queues.ts'
import type { CallView, Option, OptionParts, SiteView } from './types.ts'

/** An unmeasured link is taken to be no faster than 1 Gbit/s, or than the fastest link that has been measured. */
const FASTEST_UNSEEN = 125_000
/** As much as this crosses an unmeasured link unpriced: bandwidth is never measured from so little. */
const SMALL = 65_536

/** A plan with its price. */
export interface Priced {
  readonly plan: Plan
  /** Sum of the terms; a guess from below where not everything is measured. */
  readonly ms: number
  /** Whether every term is known. */
  readonly measured: boolean
  /** Of the terms, only the size of what one site hands to the other is unknown. */
  readonly onlyHandOver: boolean
  /** What the links alone take, as far as they are known. */
  readonly floorMs: number
  /** Without the queue, whose report may be old. */
  readonly quietMs: number
  readonly bytes: number
  readonly bytesKnown: boolean
  /** How far compute may be off, in ms. */
  readonly errorMs: number
  readonly parts: OptionParts
  /** The fewest samples behind one of its compute terms. */
  readonly samples: number
}

interface Sum {
  move: number
  roundTrip: number
  queue: number
  compute: number
  result: number
  bytes: number
  /** Bytes over links that have not been measured. */
  unpriced: number
  errorMs: number
  samples: number
  /** Compute terms that are missing or only a warm-up. */
  coldCompute: number
  unknownLinks: number
  unknownResults: number
  unknownHandOvers: number
}

const transfer = (sum: Sum, part: 'move' | 'result', bytes: number, rate: number | undefined): void => {
  sum.bytes += bytes
  const msPerByte = inverse(rate)
  if (msPerByte !== undefined) sum[part] += bytes * msPerByte
  else addUnpriced(sum, bytes)
}

const addUnpriced = (sum: Sum, bytes: number): void => {
  if (bytes <= SMALL) return
  sum.unpriced += bytes
  sum.unknownLinks++
}

const addInputs = (sum: Sum, missing: Missing): void => {
  sum.bytes += missing.bytes
  sum.move += missing.ms
  addUnpriced(sum, missing.unknown)
  sum.roundTrip += missing.roundTripMs
}

const addCompute = (sum: Sum, estimate: Estimate | undefined, units: number): number => {
  sum.samples = Math.min(sum.samples, estimate?.count ?? 0)
  if (estimate === undefined || estimate.count === 0) sum.coldCompute++
  const ms = (estimate?.value ?? 0) * units
  sum.compute += ms
  sum.errorMs += ms * (estimate?.error ?? 0)
  return ms
}

/** What pricing needs beside the call. */
export interface Pricing {
  readonly known: Knowledge
  readonly queues: Queues
  /** What a plan was seen to take beyond its terms; undefined while unseen. */
  overhead(key: string): number | undefined
}

/**
 * Prices every plan: missing inputs + round trips + queue + compute + result + overhead. It is the latency of one call;
 * with a fixed number of calls in flight throughput is that number divided by latency (Little's law), so the plan of the
 * least latency under load is also the one of the most throughput.
 */
export const price = (call: CallView, sites: readonly SiteView[], pricing: Pricing): readonly Priced[] => {
  const missing = missingInputs(call, sites, pricing.known)
  const fastest = fastestOf(sites)
  return plansFor(call.stages, sites).map((plan) => pricePlan(call, plan, missing, fastest, pricing))
}

const fastestOf = (sites: readonly SiteView[]): number => {
  let fastest = FASTEST_UNSEEN
  for (const { role, downBytesPerMs, upBytesPerMs } of sites) {
    if (role !== 'local') fastest = Math.max(fastest, downBytesPerMs ?? 0, upBytesPerMs ?? 0)
  }
  return fastest
}

const pricePlan = (call: CallView, plan: Plan, missing: readonly (readonly Missing[])[], fastest: number, pricing: Pricing): Priced => {
  const sum: Sum = {
    move: 0,
    roundTrip: 0,
    queue: 0,
    compute: 0,
    result: 0,
    bytes: 0,
    unpriced: 0,
    errorMs: 0,
    samples: Number.POSITIVE_INFINITY,
    coldCompute: 0,
    unknownLinks: 0,
    unknownResults: 0,
    unknownHandOvers: 0,
  }
  let carried: number | undefined = call.argumentBytes
  for (const group of plan.groups) carried = addGroup(sum, call, group, missing, carried, pricing, group === plan.groups.at(-1))

  const overhead = pricing.overhead(plan.key)
  const terms = sum.move + sum.roundTrip + sum.queue + sum.compute + sum.result
  // Once a plan has been run, what its links take beyond their known terms is in its overhead.
  const linksKnown = overhead !== undefined || sum.unknownLinks + sum.unknownResults + sum.unknownHandOvers === 0
  const ms = Math.max(0, terms + (overhead ?? 0))
  return {
    plan,
    ms,
    measured: sum.coldCompute === 0 && linksKnown,
    onlyHandOver:
      sum.coldCompute === 0 && overhead === undefined && sum.unknownLinks + sum.unknownResults === 0 && sum.unknownHandOvers > 0,
    floorMs: sum.move + sum.roundTrip + sum.result + sum.unpriced / fastest,
    quietMs: Math.max(0, ms - sum.queue),
    bytes: sum.bytes,
    bytesKnown: sum.unknownResults + sum.unknownHandOvers === 0,
    errorMs: sum.errorMs,
    samples: sum.samples,
    parts: {
      move: sum.move,
      roundTrip: sum.roundTrip,
      queue: sum.queue,
      compute: sum.compute,
      result: sum.result,
      overhead: ms - terms,
    },
  }
}

/** Adds the terms of one group; answers with the bytes it hands on, undefined where unknown. */
const addGroup = (
  sum: Sum,
  call: CallView,
  { site, index, from, to }: Group,
  missing: readonly (readonly Missing[])[],
  carried: number | undefined,
  { known, queues }: Pricing,
  isLast: boolean,
): number | undefined => {
  const remote = site.role !== 'local'
  let service = 0
  let warm = true
  for (let stage = from; stage < Math.min(to, call.stages.length); stage++) {
    const view = call.stages[stage]
    const lacking = missing[stage]?.[index]
    if (view === undefined || lacking === undefined) continue
    addInputs(sum, lacking)
    const measured = view.measured?.get(site.name)
    const estimate = measured === undefined ? known.compute(view.key, site.name) : { value: measured.msPerUnit, count: 1, error: 0 }
    warm &&= estimate !== undefined
    service += addCompute(sum, estimate, unitsOf(view))
  }
  // A long job waits for nobody: it shares the site, which is in what was measured there.
  if (call.once !== true) sum.queue += queues.waitMs(site, warm ? service : undefined)
  const last = call.stages[to - 1]
  const perUnit = last === undefined ? undefined : known.resultBytes(last.key)
  const result = last?.resultBytes ?? (perUnit === undefined || last === undefined ? undefined : perUnit * unitsOf(last))
  if (!remote) return result
  if (site.rttMs === undefined) sum.unknownLinks++
  else sum.roundTrip += site.rttMs
  if (carried === undefined) sum.unknownHandOvers++
  else transfer(sum, 'move', carried, site.upBytesPerMs)
  if (result !== undefined) transfer(sum, 'result', result, site.downBytesPerMs)
  else if (isLast) sum.unknownResults++
  else sum.unknownHandOvers++
  return result
}

export const optionOf = (priced: Priced): Option => ({
  sites: sitesOf(priced.plan),
  predictedMs: priced.measured ? priced.ms : undefined,
  parts: priced.parts,
  bytes: priced.bytesKnown ? priced.bytes : undefined,
})
