import { setImmediate as nextMoment } from 'node:timers/promises'
import { type CommitQueue } from '../store/commit-queue.ts'
import { keyOf, partsOf, type Write } from '../store/store.ts'
import { spacePrefix } from './record.ts'

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

const PAGE = 500

export interface Sweeper {
  /** Clears away a space whose note has been committed. */
  sweep(space: string): void
  /** Clears away all that a former process left. */
  begin(): void
  /** Resolves when nothing is being cleared away. */
  idle(): Promise<void>
  stop(): void
}

export const createSweeper = (queue: CommitQueue): Sweeper => {
  let stopped = false
  let running: Promise<void> = Promise.resolve()

  const clear = async (space: string): Promise<void> => {
    while (!stopped) {
      await queue.room()
      const writes: Write[] = queue.range(spacePrefix(space), { limit: PAGE }).map(([key]) => ({ key, value: undefined }))
      if (writes.length < PAGE) writes.push(usedSpace(space))
      await queue.commit(writes, queue.generation).durable
      if (writes.length < PAGE + 1 && writes.at(-1)?.key === noteKey(space)) return
      await nextMoment()
    }
  }
  // What cannot be cleared away now (a full disk) is found again at the next start.
  const later = (work: () => Promise<void>) => {
    running = running.then(work).catch(() => undefined)
  }

  return {
    sweep: (space) => later(() => clear(space)),
    begin: () =>
      later(async () => {
        for (let after: string | undefined; !stopped;) {
          const page = queue.range(keyOf(NOTES), { ...(after !== undefined && { after }), limit: PAGE })
          for (const [key] of page) await clear(partsOf(key)[1] ?? '')
          after = page.at(-1)?.[0]
          if (page.length < PAGE) return
        }
      }),
    idle: () => running,
    stop: () => {
      stopped = true
    },
  }
}
