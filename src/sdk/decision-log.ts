import type { Decision, Outcome } from '../policy/types.ts'
import type { StreamFigures } from './stream-figures.ts'

/** A decision with what came of it. */
export interface DecisionEntry {
  readonly call: string
  readonly decision: Decision
  /** Sites that really ran it, where a fall-back took over; otherwise the decision's. */
  readonly ranOn: readonly string[]
  /** From the begin of this try to its end: of a stream, with the time that its reader took. */
  readonly totalMs: number
  readonly failed: boolean
  /** Bytes of values that this client sent to the site and received of it; 0 in process. */
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Where the call gave a stream. */
  readonly stream?: StreamFigures
}

/** The last decisions, oldest first. */
export interface DecisionLog {
  /** @param stream of a call that gave a stream */
  add(call: string, decision: Decision, outcome: Outcome, ranOn: readonly string[], stream?: StreamFigures): void
  entries(): readonly DecisionEntry[]
}

export const createDecisionLog = (most: number): DecisionLog => {
  let kept: DecisionEntry[] = []
  return {
    add(call, decision, { reports, totalMs, failed }, ranOn, stream) {
      const bytes = { bytesSent: 0, bytesReceived: 0 }
      for (const { bytesSent, bytesReceived } of reports) {
        bytes.bytesSent += bytesSent
        bytes.bytesReceived += bytesReceived
      }
      const times = { totalMs: totalMs + (stream?.readerMs ?? 0), failed }
      kept.push({ call, decision, ranOn, ...times, ...bytes, ...(stream !== undefined && { stream }) })
      // Cut only when twice too long, so that adding stays cheap.
      if (kept.length > most * 2) kept = kept.slice(-most)
    },
    entries: () => kept.slice(-most),
  }
}
