import type { Garbage } from './garbage.ts'
import type { Resident } from './resident.ts'

export interface KeeperOptions {
  /** Bytes that the process may have resident. */
  readonly limit: number
  /** What it may have beyond what it has when it begins, whatever the limit. */
  readonly working: number
  /** Bytes of mapped pages of the store that are left alone. */
  readonly mapped: number
  readonly resident: () => Resident
  /** Lets go of the mapped pages of the store. */
  readonly releasePages: () => void
  /** Takes so many bytes out of the cache, as far as no call holds them. */
  readonly shrinkCache: (bytes: number) => void
  readonly dropSessions: () => void
  readonly garbage: Garbage
  /** Whether calls are under way. */
  readonly busy: () => boolean
  readonly now?: () => number
}

/** Keeps a process within a limit of memory, by letting go of what can be had again. */
export interface MemoryKeeper {
  /** Told of memory that may have been taken since the last look, where much can be taken between two of them. */
  readonly touched: (bytes: number) => void
  /** Bytes that arguments of calls may take now. */
  readonly room: () => number
  /** Looks, and does what is to be done. */
  look(): void
  /** To be called when all that a node needs at rest is loaded. */
  begin(): void
  stop(): void
}

const LOOK_MS = 250
/** Looked at again after so much was touched. */
const TOUCHED = 8 * 1024 ** 2
/** How often pages are let go of where memory is not short: it takes half a millisecond. */
const RELEASE_MS = 100
/** How often all garbage may be collected: each time takes tens of milliseconds. */
const COLLECT_MS = 500
/** What a collection has freed is given back on another thread: judged too soon it would seem to have freed nothing. */
const SETTLE_MS = 50
/** Sessions take seconds to load again. */
const SESSIONS_MS = 5000

export const createMemoryKeeper = (options: KeeperOptions): MemoryKeeper => {
  const { resident, garbage, now = () => performance.now() } = options
  let limit = Infinity
  let mostMapped = Infinity
  let timer: NodeJS.Timeout | undefined
  let touched = 0
  let strained = false
  let released = -Infinity
  let collected = -Infinity
  let dropped = -Infinity

  const excess = () => resident().total - limit
  /** What is cheapest to get again goes first, and each only where those before it were not enough. */
  const relieve = () => {
    options.releasePages()
    let over = excess()
    if (over <= 0) return
    options.shrinkCache(over)
    garbage.collectYoung()
    over = excess()
    if (over <= 0) return
    const since = now() - collected
    if (since >= COLLECT_MS) {
      garbage.collectAll()
      collected = now()
    } else if (since >= SETTLE_MS) {
      strained = true
      if (now() - dropped < SESSIONS_MS) return
      options.dropSessions()
      dropped = now()
    }
  }
  const look = () => {
    touched = 0
    const { total, mapped } = resident()
    if (total > limit) return relieve()
    strained = false
    if (mapped <= mostMapped || now() - released < RELEASE_MS) return
    options.releasePages()
    released = now()
  }

  return {
    look,
    begin() {
      const atRest = resident()
      limit = Math.max(options.limit, atRest.total + options.working)
      // Pages of programs and libraries are mapped too, and stay.
      mostMapped = atRest.mapped + options.mapped
      timer = setInterval(() => {
        if (touched > 0 || strained || options.busy()) look()
      }, LOOK_MS)
      timer.unref()
    },
    touched(bytes) {
      touched += bytes
      if (touched >= TOUCHED) look()
    },
    room: () => (strained ? Math.max(0, -excess()) : Infinity),
    stop: () => clearInterval(timer),
  }
}
