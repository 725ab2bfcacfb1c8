import type { Decision, Outcome } from '../policy/types.ts'

/** A decision with what came of it. */
export interface DecisionEntry {
  readonly call: string
  readonly decision: Decision
  /** Sites that really ran it, where a fall-back took over; otherwise the decision's. */
  readonly ranOn: readonly string[]
  readonly totalMs: number
  readonly failed: boolean
}

/** The last decisions, oldest first. */
export interface DecisionLog {
  add(call: string, decision: Decision, outcome: Outcome, ranOn: readonly string[]): void
  entries(): readonly DecisionEntry[]
}

export const createDecisionLog = (most: number): DecisionLog => {
  let kept: DecisionEntry[] = []
  return {
    add(call, decision, { totalMs, failed }, ranOn) {
      kept.push({ call, decision, ranOn, totalMs, failed })
      // Cut only when twice too long, so that adding stays cheap.
      if (kept.length > most * 2) kept = kept.slice(-most)
    },
    entries: () => kept.slice(-most),
  }
}
