import { bounded } from './estimators.ts'
import { Running } from './running.ts'

/** A trial whose outcome never came (its caller went away) is forgotten after as many decisions. */
const LOST_AFTER = 256
/** Decisions for which a plan rests after its first failure; doubled with each further one. */
const REST = 8
const LONGEST_REST = 512

/** What is remembered of one plan for one kind of call. */
export class PlanMemory {
  /** Trial calls begun, whatever became of them. */
  trials = 0
  /** Decision number at which it last ran. */
  lastRun = 0
  /** Evidence, summed up over decisions, that it beats the current plan: see `switching.ts`. */
  lead = 0
  readonly #overhead = new Running(1)
  #failures = 0
  #restsUntil = 0

  /** Real time beyond the predicted terms; undefined until a second run, since the first is a warm-up. */
  get overhead(): number | undefined {
    return this.#overhead.count === 0 ? undefined : this.#overhead.value
  }
  learnOverhead(ms: number): void {
    if (Number.isFinite(ms)) this.#overhead.add(ms)
  }
  fail(now: number): void {
    this.#restsUntil = now + Math.min(LONGEST_REST, REST * 2 ** this.#failures++)
  }
  succeed(): void {
    this.#failures = 0
    this.#restsUntil = 0
  }
  rests(now: number): boolean {
    return now < this.#restsUntil
  }
}

/** What is remembered of one kind of call: calls of the same method with the same stages. */
export class CallMemory {
  /** Decisions so far. */
  now = 0
  /** Key of the plan in use. */
  current: string | undefined
  /** Decisions in a row for which another plan was clearly better. */
  streak = 0
  lastTrial = Number.NEGATIVE_INFINITY
  probes = 0
  /** Milliseconds that may be spent on looking again: a share of the time of all calls, less what looking has cost. */
  purse = 0
  readonly #plans = new Map<string, PlanMemory>()

  plan(key: string): PlanMemory {
    return bounded(this.#plans, key, () => new PlanMemory(), 512)
  }
  /** Whether the plan has failed lately. */
  rests(key: string): boolean {
    return this.#plans.get(key)?.rests(this.now) === true
  }
  overhead(key: string): number | undefined {
    return this.#plans.get(key)?.overhead
  }
}

/** A trial under way. */
export interface Trial {
  readonly decision: number
  readonly site: string
  /** What the best plan would have cost, to see what the trial cost beyond it. */
  readonly bestMs: number
  /** Whether the purse pays for it. */
  readonly probe: boolean
}

/** The trials under way, of all kinds of call: a site has one at a time. */
export class Trials {
  readonly #bySite = new Map<string, Trial>()

  busy(site: string, decision: number): boolean {
    const trial = this.#bySite.get(site)
    return trial !== undefined && decision - trial.decision < LOST_AFTER
  }
  begin(trial: Trial): void {
    this.#bySite.set(trial.site, trial)
  }
  /** The trial that a decision was, now ended. */
  end(decision: number): Trial | undefined {
    let ended: Trial | undefined
    for (const [site, trial] of this.#bySite) {
      if (trial.decision !== decision) continue
      this.#bySite.delete(site)
      ended = trial
    }
    return ended
  }
}
