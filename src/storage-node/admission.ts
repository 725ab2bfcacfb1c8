import { failureWith } from '../core/errors.ts'
import { createHolds, endlessMemory, type HoldLimits, type Holds, type Memory } from './holds.ts'

/** What a host takes on at once; beyond it a call is refused at the door with `overloaded`, never half done. */
export interface AdmissionLimits extends HoldLimits {
  /** Calls under way. Default 1,024. */
  readonly calls: number
  /** Streams under way. Default 256. */
  readonly streams: number
  /** Bytes of arguments and results held by calls under way, but for small calls. Default 2 GiB. */
  readonly bytes: number
}

export const defaultAdmission: AdmissionLimits = Object.freeze({ calls: 1024, streams: 256, bytes: 2 * 1024 ** 3 })

/** A call that takes a place. */
export interface Entrant {
  readonly stream: boolean
  /** A call made within another, which has its place already: refusing it could stop what holds that one. */
  readonly nested?: boolean
  /** One that tells of the node itself: it has a place when all others are taken. */
  readonly reserved?: boolean
}

export interface Admission extends Pick<Holds, 'hold' | 'check'> {
  /** Takes a place. @returns gives it back @throws `overloaded` */
  enter(entrant: Entrant): () => void
  /** Refuses what could not take a place now. @throws `overloaded` */
  checkPlace(): void
  /** The most that one call may hold, in bytes. */
  readonly callBytes: number
  /** Bytes of arguments and results held now. */
  readonly argumentBytes: number
  readonly inFlight: number
  readonly refused: number
  /** Resolves once nothing is under way. */
  idle(): Promise<void>
}

/** Calls under way may make so many times as many more among each other. */
const NESTED = 16
/** Calls that tell of the node itself, beyond the limit. */
const RESERVED = 16

export const createAdmission = (limits: AdmissionLimits, memory: Memory = endlessMemory): Admission => {
  let calls = 0
  /** Of these, the calls within others. */
  let within = 0
  let streams = 0
  let refused = 0
  // What a call has lately taken: a refused caller that waits this long finds about one place freed.
  let typicalMs = 10
  let waiting: (() => void)[] = []

  const refuse = (what: string, leastMs = 5) => {
    refused++
    return failureWith('overloaded', what, { retryAfterMs: Math.ceil(Math.min(5000, Math.max(leastMs, typicalMs))) })
  }
  const once = (giveBack: () => void) => {
    let done = false
    return () => {
      if (!done) giveBack()
      done = true
    }
  }
  const holds = createHolds(limits, memory, refuse)

  const full = (now: number, where = '') => refuse(`${now} calls are under way${where}, the most that are taken on`)

  return {
    checkPlace() {
      if (calls - within >= limits.calls) throw full(calls - within)
    },
    enter({ stream, nested = false, reserved = false }) {
      const now = nested ? within : calls - within
      const most = nested ? limits.calls * NESTED : limits.calls + (reserved ? RESERVED : 0)
      if (now >= most) throw full(now, nested ? ' within others' : '')
      if (stream && streams >= limits.streams) throw refuse(`${streams} streams are under way, the most that are taken on`)
      const began = performance.now()
      calls++
      if (nested) within++
      if (stream) streams++
      return once(() => {
        calls--
        if (nested) within--
        if (stream) streams--
        typicalMs += (performance.now() - began - typicalMs) / 16
        if (calls === 0) {
          for (const wake of waiting) wake()
          waiting = []
        }
      })
    },
    hold: holds.hold,
    callBytes: limits.callBytes ?? Infinity,
    check: holds.check,
    get argumentBytes() {
      return holds.bytes
    },
    get inFlight() {
      return calls
    },
    get refused() {
      return refused
    },
    idle: () => (calls === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}
