import { type ActiveStorageError, failure, failureWith } from '../core/errors.ts'

/** Who holds bytes: the other end of it may be slow, and then has to give way to others when bytes are short. */
export interface Holder {
  /** For how long the other end has sent or taken next to nothing, in ms. 0 while the node itself is at work. */
  idleMs(): number
  /** Ends the call, which gives its bytes back. */
  evict(error: ActiveStorageError): void
}

/** The bytes of one call: of its arguments first, of its result then. */
export interface Hold {
  /** Bytes held now. */
  readonly bytes: number
  /** Takes room for bytes that have come, or will be made. @throws `overloaded`; `too-large` */
  take(bytes: number): void
  /** Takes room for a result that is there already, however large it is. @throws `overloaded` */
  takeResult(bytes: number): void
  /** Gives some of them back. */
  giveBack(bytes: number): void
  /** Gives the arguments back, and takes room for the result that was made of them. @throws `overloaded` */
  exchange(bytes: number): void
  /** Gives all of it back. */
  release(): void
  /** Gives all of it back, for good: what a call takes that is over would be given back by nobody. */
  end(): void
}

export interface HoldLimits {
  /** Bytes of all calls together, but for small calls. */
  readonly bytes: number
  /** Bytes of one call that is alone. Default: no limit. */
  readonly callBytes?: number
}

export interface Holds {
  hold(holder?: Holder): Hold
  /** @throws `too-large` for a call that could never get so much */
  check(bytes: number): void
  readonly bytes: number
}

const KIB = 1024
/** Calls up to this many bytes, and so many bytes of all such calls together, come beside the limit. */
const SMALL = 64 * KIB
const RESERVE = 8 * KIB * KIB
/** The last quarter of the reserve is for calls up to this many bytes: statistics and the like. */
const TINY = KIB

/** Memory that is short is not so for longer, as a rule: what calls leave behind is collected by then. */
const SHORT_MS = 200

/** From when on a call whose other end is idle gives way to others: where the reserve is short, and where all is. */
const IDLE_SMALL_MS = 500
const IDLE_MS = 2000
const LOOK_MS = 50

/** Why there is no room, and when there may be. */
type Shortage = readonly [text: string, leastMs?: number]
type Refuse = (what: string, leastMs?: number) => ActiveStorageError

/** A node's memory, as far as it matters here. */
export interface Memory {
  /** Bytes that it has for arguments and results now. */
  room(): number
  /** Told of bytes that it has given. */
  touched(bytes: number): void
}
export const endlessMemory: Memory = { room: () => Infinity, touched: () => undefined }

/** Counts the bytes that calls hold, and bounds them. */
export const createHolds = ({ bytes: most, callBytes = Infinity }: HoldLimits, memory: Memory, refuse: Refuse): Holds => {
  const reserve = Math.min(RESERVE, most / 4)
  let large = 0
  let small = 0
  const holders = new Set<Holder & { readonly bytes: number }>()

  /** Whether bytes of a call that then holds `total` fit into the reserve. */
  const isSmall = (total: number, count: number): boolean =>
    total <= SMALL && small + count <= (total <= TINY ? reserve : reserve - reserve / 4)
  /** Why a call that holds `own` bytes beside the reserve cannot have so many more now. */
  const shortage = (own: number, count: number): Shortage | undefined => {
    // One call larger than the limit is let in when no other large one is there, or it could never run beside small ones.
    if (large - own <= 0) return undefined
    if (large + count > most)
      return [`calls under way hold ${large} bytes of arguments and results; ${count} more are over the limit of ${most}`]
    if (count > memory.room())
      return [`the node is at its limit of memory: ${count} more bytes of arguments or results are too many now`, SHORT_MS]
    return undefined
  }
  /** Ends calls whose other end is idle, the idlest first, until there is room. */
  let nextLook = -Infinity
  const makeRoom = (asker: Holder, leastMs: number, enough: () => boolean): void => {
    if (performance.now() < nextLook) return
    const idle = [...holders]
      .filter((holder) => holder !== asker && holder.bytes > 0)
      .map((holder) => ({ holder, ms: holder.idleMs() }))
      .filter(({ ms }) => ms >= leastMs)
      .sort((a, b) => b.ms - a.ms)
    // Where nobody is idle, nobody will be at once: to look takes a look at all.
    if (idle.length === 0) nextLook = performance.now() + LOOK_MS
    for (const { holder, ms } of idle) {
      if (enough()) return
      const why = `the node is short of memory, and the other end of this call has been idle for ${Math.round(ms)} ms`
      holder.evict(failureWith('overloaded', why, { retryAfterMs: SHORT_MS }))
    }
  }
  const check = (bytes: number): void => {
    if (bytes > callBytes)
      throw failure(
        'too-large',
        `a call of ${bytes} bytes; the most is ${callBytes} at this node: send it in parts, or start the node with more --memory`,
      )
  }

  /** A class, since one is made for every call. */
  class CallHold implements Hold {
    readonly #holder: Holder | undefined
    #large = 0
    #small = 0
    #ended = false

    constructor(holder: Holder | undefined) {
      this.#holder = holder
    }
    get bytes(): number {
      return this.#large + this.#small
    }
    idleMs(): number {
      return this.#holder?.idleMs() ?? 0
    }
    evict(error: ActiveStorageError): void {
      this.#holder?.evict(error)
    }
    take(count: number): void {
      if (this.#ended) return
      if (this.bytes + count > callBytes) check(this.bytes + count)
      this.takeResult(count)
    }
    takeResult(count: number): void {
      if (this.#ended) return
      const held = this.#large + this.#small
      if (held === 0 && this.#holder !== undefined) holders.add(this)
      // Small calls have room of their own, so that statistics, health and the like are answered whatever others hold.
      if (this.#placeSmall(held, count)) return
      memory.touched(count)
      if (this.#placeLarge(count) === undefined) return
      makeRoom(
        this,
        held + count <= SMALL ? IDLE_SMALL_MS : IDLE_MS,
        () => (this.#large === 0 && isSmall(held + count, count)) || shortage(this.#large, count) === undefined,
      )
      if (this.#placeSmall(held, count)) return
      const short = this.#placeLarge(count)
      if (short !== undefined) throw refuse(...short)
    }
    #placeSmall(held: number, count: number): boolean {
      if (this.#large > 0 || !isSmall(held + count, count)) return false
      small += count
      this.#small += count
      return true
    }
    #placeLarge(count: number): Shortage | undefined {
      const short = shortage(this.#large, count)
      if (short !== undefined) return short
      large += count
      this.#large += count
      return undefined
    }
    giveBack(count: number): void {
      const ofLarge = Math.min(this.#large, count)
      this.#large -= ofLarge
      large -= ofLarge
      const ofSmall = Math.min(this.#small, count - ofLarge)
      this.#small -= ofSmall
      small -= ofSmall
    }
    exchange(count: number): void {
      if (count <= this.bytes) return this.giveBack(this.bytes - count)
      this.release()
      this.takeResult(count)
    }
    release(): void {
      small -= this.#small
      large -= this.#large
      this.#small = this.#large = 0
      holders.delete(this)
    }
    end(): void {
      this.#ended = true
      this.release()
    }
  }

  return {
    check,
    hold: (holder) => new CallHold(holder),
    get bytes() {
      return large + small
    },
  }
}
