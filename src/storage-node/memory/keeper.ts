import type { Resident } from './resident.ts'

export interface KeeperOptions {
  /** Bytes that the process may have resident, in the keeper's eyes. */
  readonly limit: number
  /** Bytes of mapped pages of the store that are left alone. */
  readonly mapped: number
  readonly resident: () => Resident
  /** Lets go of the mapped pages of the store. */
  readonly releasePages: () => void
  /** Takes so many bytes out of the cache, as far as no call holds them. @returns how many it took */
  readonly shrinkCache: (bytes: number) => number
  readonly dropSessions: () => void
  /** Has garbage collected, and gives freed memory back to the system. */
  readonly collect: () => void
  /** Whether calls are under way. */
  readonly busy: () => boolean
  readonly now?: () => number
}

/** Keeps a process within a limit of memory, by letting go of what can be had again. */
export interface MemoryKeeper {
  /** Told of memory that may have been taken since the last look, where much can be taken between two of them. */
  readonly touched: (bytes: number) => void
  /** Bytes that arguments of calls may take now. */
  room(): number
  /** Looks, and does what is to be done. */
  look(): void
  stop(): void
}

const LOOK_MS = 250
/** Looked at again after so much was touched. */
const TOUCHED = 8 * 1024 ** 2
/** A collection takes some 10 ms or more, and cannot help twice in a row. */
const COLLECT_MS = 500
/** Sessions cost seconds to load again. */
const SESSIONS_MS = 5000

export const createMemoryKeeper = (options: KeeperOptions): MemoryKeeper => {
  const { limit, mapped: mostMapped, resident, now = () => performance.now() } = options
  /** Pages of programs and libraries are mapped too, and stay. */
  const libraries = resident().mapped
  let touched = 0
  let strained = false
  let collected = -Infinity
  let dropped = -Infinity

  const over = () => resident().total - limit
  const look = () => {
    touched = 0
    const { total, mapped } = resident()
    if (mapped > libraries + mostMapped) options.releasePages()
    if (total <= limit) {
      strained = false
      return
    }
    // What is cheapest to get again goes first, and each only where those before it were not enough.
    let excess = over()
    if (excess > 0) {
      options.releasePages()
      excess = over()
    }
    // Freed bytes are garbage until they are collected.
    if (excess > 0 && options.shrinkCache(excess) >= excess) return
    if (excess > 0 && now() - collected >= COLLECT_MS) {
      options.collect()
      collected = now()
      excess = over()
    }
    if (excess > 0 && now() - dropped >= SESSIONS_MS) {
      options.dropSessions()
      dropped = now()
    }
    strained = excess > 0
  }
  const timer = setInterval(() => {
    if (touched > 0 || strained || options.busy()) look()
  }, LOOK_MS)
  timer.unref()

  return {
    look,
    touched(bytes) {
      touched += bytes
      if (touched >= TOUCHED) look()
    },
    room: () => (strained ? Math.max(0, -over()) : Infinity),
    stop: () => clearInterval(timer),
  }
}
