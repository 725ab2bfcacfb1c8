import type { ContentHash, SiteName } from '../core/ids.ts'
import type { CallReport } from '../core/transport.ts'

/** What a site is to the policy: this process, the storage node near the data, or the bigger node far away. */
export const roles = ['local', 'node', 'cloud'] as const
export type Role = (typeof roles)[number]

/** A site as the policy sees it at the moment of a decision. What has never been measured is undefined. */
export interface SiteView {
  readonly name: SiteName
  readonly role: Role
  /** False while its breaker is open. */
  readonly up: boolean
  /** Round trip of a small call between this process and the site; 0 for local. */
  readonly rttMs: number | undefined
  /** Measured from real transfers, site to client and client to site; undefined until a transfer was large enough. */
  readonly downBytesPerMs: number | undefined
  readonly upBytesPerMs: number | undefined
  /** From the site's last load report; for local, this process's own. */
  readonly inFlight: number | undefined
  readonly queueMs: number | undefined
  /** Calls of this client under way there now. */
  readonly outstanding: number
  /** Whether the site is known to hold this content. */
  has(hash: ContentHash): boolean
}

/** Content that a stage reads. */
export interface StageInput {
  readonly hash: ContentHash
  readonly bytes: number
  readonly home: SiteName
}

/** What a stage was measured to cost at a site for this very call: it goes before what was learned from others. */
export interface MeasuredStage {
  readonly msPerUnit: number
  /** Milliseconds per byte of inputs that the site does not hold; undefined where it had to fetch too little to tell. */
  readonly msPerByte: number | undefined
}

/** One stage of a movable call: all of it runs on one site. */
export interface StageView {
  /** What it is, for the estimators: the same work has the same key on every site. */
  readonly key: string
  /** How much of it there is, in the stage's own unit (bytes to decode, items to forward). */
  readonly units: number
  readonly inputs: readonly StageInput[]
  /** Bytes of its result, where the stage knows them beforehand; otherwise they are learned. */
  readonly resultBytes?: number
  /** By site, where it was tried out before the decision. Such figures hold what a site's load adds. */
  readonly measured?: ReadonlyMap<SiteName, MeasuredStage>
}

/** A movable call, as the policy sees it: stages in a line, the result of one being the argument of the next. */
export interface CallView {
  readonly type: string
  readonly method: string
  readonly stages: readonly StageView[]
  /** Bytes that travel inside the call's arguments. */
  readonly argumentBytes: number
  readonly budgetMs: number | undefined
  /**
   * A long job, of which the next one is another: its figures alone decide, whatever place earlier ones had, and it is
   * never sent anywhere for a trial.
   */
  readonly once?: boolean
}

/** One way to run the call, with what it is predicted to cost. */
export interface Option {
  /** The site of each stage. */
  readonly sites: readonly SiteName[]
  /** Undefined where something needed for the prediction has not been measured. */
  readonly predictedMs: number | undefined
  /** The terms of the prediction in ms; where it is undefined, those that are known. */
  readonly parts: OptionParts | undefined
  /** Bytes that would cross links: missing inputs, arguments and results; undefined where a size is not known yet. */
  readonly bytes: number | undefined
}

export interface OptionParts {
  /** Missing inputs, arguments and what one site's stage hands to the next. */
  readonly move: number
  readonly roundTrip: number
  readonly queue: number
  readonly compute: number
  readonly result: number
  /** What such calls were seen to take beyond the other terms; below 0 where the terms overlap in time. */
  readonly overhead: number
}

export interface Decision {
  readonly id: number
  /** The site of each stage, in order. */
  readonly sites: readonly SiteName[]
  /** A sentence for a person: which rule or strategy chose, and the figures that decided. */
  readonly because: string
  /** The rule that fired, if one did. */
  readonly rule: string | undefined
  readonly strategy: string
  readonly options: readonly Option[]
  /** Where to go when the first choice fails, best first. */
  readonly fallbacks: readonly SiteName[]
}

/** What the placed call then cost: one report a stage group, in order. */
export interface Outcome {
  readonly reports: readonly CallReport[]
  /** Time that the caller waited for it; of a stream, without the time that its reader took between items. */
  readonly totalMs: number
  readonly failed: boolean
  /** Its caller gave it up before its end: such figures are those of a part, and nothing is learned from them. */
  readonly partial?: boolean
}

/** Decides for one client. Pure but for what it has learned; no I/O. */
export interface Policy {
  decide(call: CallView, sites: readonly SiteView[]): Decision
  /** Teaches the estimators what a decision's call really cost. */
  observe(call: CallView, decision: Decision, outcome: Outcome): void
}
