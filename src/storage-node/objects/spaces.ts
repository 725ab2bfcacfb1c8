import { setImmediate as nextMoment } from 'node:timers/promises'
import { type CommitQueue } from '../store/commit-queue.ts'
import { keyOf, partsOf, type Write } from '../store/store.ts'
import { spacePrefix } from './record.ts'
import { entryUses, letGo } from './uses.ts'

/**
 * The spaces that no record names: those of deleted objects, and those still being filled by a copy. Each is noted in
 * the same commit that makes it so, and cleared away in the background, in small commits, also after a crash.
 */
const NOTES = 'space'
const noteKey = (space: string) => keyOf(NOTES, space)

/** Notes that the space's object is gone. */
export const deadSpace = (space: string): Write => ({ key: noteKey(space), value: Buffer.from('dead') })
/** Notes that the space is being filled; what is left of it after a crash is cleared away. */
export const fillingSpace = (space: string): Write => ({ key: noteKey(space), value: Buffer.from('filling') })
/** Belongs in the commit in which a record begins to name the space. */
export const usedSpace = (space: string): Write => ({ key: noteKey(space), value: undefined })

/** Entries cleared away in one commit, within some ms. */
const PAGE = 250

export interface Sweeper {
  /** Clears away a space whose note has been committed. */
  sweep(space: string): void
  /** Clears away all that a former process left. */
  begin(): void
  /** Resolves when nothing is being cleared away. */
  idle(): Promise<void>
  stop(): void
}

/** @param letGoOf told of content that cleared entries referred to */
export const createSweeper = (queue: CommitQueue, letGoOf: (hashes: readonly string[]) => void): Sweeper => {
  let stopped = false
  let running: Promise<void> = Promise.resolve()

  const clear = async (space: string): Promise<void> => {
    while (!stopped) {
      await queue.room()
      const page = queue.range(spacePrefix(space), { limit: PAGE })
      const writes = page.flatMap(([key, value]): Write[] => [{ key, value: undefined }, ...entryUses(key, value, undefined)])
      const last = page.length < PAGE
      await queue.commit(last ? [...writes, usedSpace(space)] : writes, queue.generation).durable
      letGoOf(letGo(writes))
      if (last) return
      await nextMoment()
    }
  }
  // What cannot be cleared away now (a full disk) is found again at the next start.
  const later = (work: () => Promise<void>) => {
    running = running.then(work).catch(() => undefined)
  }

  return {
    sweep: (space) => later(() => clear(space)),
    begin() {
      // What is noted before any call is taken: later notes are of spaces that somebody fills.
      const left: string[] = []
      for (let after: string | undefined; ;) {
        const page = queue.range(keyOf(NOTES), { ...(after !== undefined && { after }), limit: PAGE })
        for (const [key] of page) left.push(partsOf(key)[1] ?? '')
        after = page.at(-1)?.[0]
        if (page.length < PAGE) break
      }
      later(async () => {
        for (const space of left) await clear(space)
      })
    },
    idle: () => running,
    stop: () => {
      stopped = true
    },
  }
}
