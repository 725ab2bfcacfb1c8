import type { objectives, offloadRoles, strategies } from './schema.ts'
import type { SignalName } from './signals.ts'
import type { Role } from './types.ts'

export type Objective = (typeof objectives)[number]
export type Strategy = (typeof strategies)[number]

/** One bound or both on one signal; both must hold, and neither includes the bound itself. */
export interface Condition {
  readonly signal: SignalName
  readonly above: number | undefined
  readonly below: number | undefined
}

export interface Rule {
  readonly name: string
  /** Object type and method that the rule is for; undefined: any. */
  readonly match: { readonly type: string | undefined; readonly method: string | undefined }
  /** All must hold. */
  readonly when: readonly Condition[]
  readonly place: Role
}

/** A policy file with every default filled in; frozen, so that a decision and its log speak of the same thing. */
export interface PolicyDocument {
  readonly version: 1
  readonly objective: { readonly minimize: Objective; readonly tieBreak: Objective }
  /** `deadlineMs` steers the choice; it is no time limit on the call. */
  readonly constraints: { readonly deadlineMs: number | undefined }
  readonly strategy: Strategy
  readonly threshold: { readonly offloadAboveBytes: number; readonly to: (typeof offloadRoles)[number] }
  readonly costModel: {
    /** Fraction by which another placement must be predicted better before the current one is left. */
    readonly margin: number
    readonly explore: {
      /** Trial calls that a site without measurements gets, per kind of call; 0 turns trials off. */
      readonly tries: number
      /** Share of calls that may look again at a placement not used for long. */
      readonly share: number
    }
  }
  readonly rules: readonly Rule[]
}

/** What a policy is where it does not say: the cost model. Apart from the parser, so that a client without a file loads none. */
export const defaultPolicy: PolicyDocument = Object.freeze({
  version: 1,
  objective: Object.freeze({ minimize: 'time', tieBreak: 'bytes' }),
  constraints: Object.freeze({ deadlineMs: undefined }),
  strategy: 'cost-model',
  threshold: Object.freeze({ offloadAboveBytes: 64 * 2 ** 20, to: 'node' }),
  costModel: Object.freeze({ margin: 0.1, explore: Object.freeze({ tries: 3, share: 0.01 }) }),
  rules: Object.freeze([]),
})
