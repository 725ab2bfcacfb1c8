import type { SiteName } from '../core/ids.ts'
import type { CallReport } from '../core/transport.ts'
import { LogRunning } from './running.ts'
import type { StageView } from './types.ts'

/** Entries a table keeps; the oldest goes first. Stage keys are few, but a client may live for ever. */
const MAX_KEYS = 4096
/** A fetch smaller than this says more about latency than about bandwidth. */
const LEAST_FETCH = 65_536

/** A learned quantity: its value, the samples behind it and how far it may be off, as a fraction. */
export interface Estimate {
  readonly value: number
  /** 0: only a warm-up has been seen. */
  readonly count: number
  readonly error: number
}

/** What the cost model has to know about the past. */
export interface Knowledge {
  /** Milliseconds per unit of a stage on a site. */
  compute(stage: string, site: SiteName): Estimate | undefined
  /** Bytes of a stage's result per unit. */
  resultBytes(stage: string): number | undefined
  /** Milliseconds per byte at which the site has fetched content from elsewhere. */
  fetch(site: SiteName): number | undefined
}

export const bounded = <K, V>(table: Map<K, V>, key: K, make: () => V, limit = MAX_KEYS): V => {
  const held = table.get(key)
  if (held !== undefined) return held
  const made = make()
  table.set(key, made)
  if (table.size > limit) {
    for (const oldest of table.keys()) {
      table.delete(oldest)
      break
    }
  }
  return made
}

const finite = (value: number): boolean => Number.isFinite(value) && value >= 0

/** Learns from call reports; shared by all kinds of call, so that a stage known from one is known to all. */
export class Estimators implements Knowledge {
  readonly #compute = new Map<string, Map<SiteName, LogRunning>>()
  readonly #results = new Map<string, LogRunning>()
  readonly #fetch = new Map<SiteName, LogRunning>()

  compute(stage: string, site: SiteName): Estimate | undefined {
    const held = this.#compute.get(stage)?.get(site)
    const value = held?.value
    return held === undefined || value === undefined ? undefined : { value, count: held.count, error: held.error }
  }
  resultBytes(stage: string): number | undefined {
    return this.#results.get(stage)?.value
  }
  fetch(site: SiteName): number | undefined {
    return this.#fetch.get(site)?.value
  }

  learnCompute(stage: string, site: SiteName, msPerUnit: number): void {
    const sites = bounded(this.#compute, stage, () => new Map<SiteName, LogRunning>())
    bounded(sites, site, () => new LogRunning()).add(msPerUnit)
  }
  learnResult(stage: string, bytesPerUnit: number): void {
    bounded(this.#results, stage, () => new LogRunning()).add(bytesPerUnit)
  }

  /**
   * Learns from the report of one stage group. A planned stage that the report does not name (a method that never calls
   * `self.stage`) is given an even share of the time that is left, so that such calls are learned from as well.
   */
  learn(group: readonly StageView[], report: CallReport): void {
    if (report.bytesFetched >= LEAST_FETCH && report.fetchMs > 0) {
      bounded(this.#fetch, report.site, () => new LogRunning()).add(report.fetchMs / report.bytesFetched)
    }
    const stages = stageTimes(group, report)
    for (const [key, { ms, units }] of stages) {
      if (finite(ms) && finite(units)) this.learnCompute(key, report.site, ms / (units > 0 ? units : 1))
    }
    const last = group.at(-1)
    // Nothing received means that the call ran in this process: that says nothing about the size of its result.
    if (last !== undefined && report.bytesReceived > 0) this.learnResult(last.key, report.bytesReceived / unitsOf(last))
  }
}

export const unitsOf = (stage: StageView): number => (stage.units > 0 ? stage.units : 1)

interface Timed {
  ms: number
  units: number
}

/** Time and units of every stage of a group, several reports of one stage added up. */
export const stageTimes = (group: readonly StageView[], report: CallReport): Map<string, Timed> => {
  const times = new Map<string, Timed>()
  let sum = 0
  for (const { key, ms, units } of report.stages) {
    const timed = bounded(times, key, () => ({ ms: 0, units: 0 }))
    timed.ms += ms
    timed.units += units
    sum += ms
  }
  const service = report.load?.serviceMs ?? report.totalMs
  // Content fetched inside a stage is in both figures; what cannot have fitted into the call is taken off once.
  const twice = Math.min(report.fetchMs, Math.max(0, sum + report.fetchMs - service))
  if (twice > 0 && sum > 0) for (const timed of times.values()) timed.ms *= Math.max(0, sum - twice) / sum
  const unnamed = group.filter(({ key }) => !times.has(key))
  const left = Math.max(0, service - sum - report.fetchMs)
  for (const stage of unnamed) times.set(stage.key, { ms: left / unnamed.length, units: stage.units })
  return times
}
