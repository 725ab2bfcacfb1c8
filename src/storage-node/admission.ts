import { failureWith } from '../core/errors.ts'

/** What a host takes on at once; beyond it a call is refused at the door with `overloaded`, never half done. */
export interface AdmissionLimits {
  /** Calls under way. Default 1,024. */
  readonly calls: number
  /** Streams under way. Default 256. */
  readonly streams: number
  /** Bytes of arguments held by calls under way, but for small calls. Default 2 GiB. */
  readonly bytes: number
}

export const defaultAdmission: AdmissionLimits = Object.freeze({ calls: 1024, streams: 256, bytes: 2 * 1024 ** 3 })

export interface Hold {
  /** Takes room for bytes that have come. @throws `overloaded` */
  take(bytes: number): void
  /** Gives all of it back. */
  release(): void
}

export interface Admission {
  /** Takes a place. @returns gives it back @throws `overloaded` */
  /** @param nested a call made within another, which has its place already: refusing it could stop what holds that one */
  enter(stream: boolean, nested?: boolean): () => void
  /** Room for one call's arguments. */
  hold(): Hold
  /** Bytes of arguments held now. */
  readonly argumentBytes: number
  readonly inFlight: number
  readonly refused: number
  /** Resolves once nothing is under way. */
  idle(): Promise<void>
}

/** Arguments of a call up to this many bytes, and of all such calls together, come beside the limit. */
const SMALL = 64 * 1024
const RESERVE = 8 * 1024 ** 2

/** Memory that is short is not so for longer, as a rule: what calls leave behind is collected by then. */
const SHORT_MS = 200

/** Calls under way may make so many times as many more among each other. */
const NESTED = 16

/**
 * @param room bytes that the node's memory has for arguments now, where somebody knows
 */
export const createAdmission = (limits: AdmissionLimits, room: () => number = () => Infinity): Admission => {
  let calls = 0
  /** Of these, the calls within others. */
  let within = 0
  let streams = 0
  let bytes = 0
  let small = 0
  const reserve = Math.min(RESERVE, limits.bytes / 4)
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

  return {
    enter(stream, nested = false) {
      const [now, most] = nested ? [within, limits.calls * NESTED] : [calls - within, limits.calls]
      if (now >= most) throw refuse(`${now} calls are under way${nested ? ' within others' : ''}, the most that are taken on`)
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
    hold() {
      let held = 0
      let ofReserve = 0
      return {
        take(count) {
          // Small calls have room of their own, so that statistics, health and the like are answered whatever others hold.
          if (held + count <= SMALL && small + count <= reserve) {
            small += count
            ofReserve += count
            held += count
            return
          }
          // One call larger than the limit is let in when no other large one is there, or it could never run beside small ones.
          const ofOthers = bytes - (held - ofReserve)
          if (ofOthers > 0 && bytes + count > limits.bytes)
            throw refuse(`calls under way hold ${bytes} bytes of arguments; ${count} more are over the limit of ${limits.bytes}`)
          // Likewise, for memory that is short as a whole.
          if (bytes + small > held && count > room())
            throw refuse(`the node is at its limit of memory: ${count} more bytes of arguments are too many now`, SHORT_MS)
          bytes += count
          held += count
        },
        release() {
          small -= ofReserve
          bytes -= held - ofReserve
          held = ofReserve = 0
        },
      }
    },
    get argumentBytes() {
      return bytes + small
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
