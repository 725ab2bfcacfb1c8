import { nextSlice, sliceIsOver } from '../../core/slices.ts'
import type { CommitQueue } from '../store/commit-queue.ts'
import type { Write } from '../store/store.ts'
import { newSpace, spacePrefix } from './record.ts'
import { fillingSpace } from './spaces.ts'
import { Writes } from './tables.ts'
import { entryUses } from './uses.ts'

/** Entries read at once, and writes of one commit: each some ms of the main thread. */
const PAGE = 250
const WRITES = 2000

const NONE = new Writes()

/**
 * Copies all tables of a space to a new one, in commits of their own: until a record names the copy, a note says that it is
 * none.
 * @param changed entries of the old space that the copy has other values of, or that it lacks
 * @param abandoned told of a copy that could not be completed
 */
export const copySpace = async (
  queue: CommitQueue,
  from: string,
  changed: Writes = NONE,
  abandoned: (space: string) => void = () => undefined,
): Promise<string> => {
  const to = newSpace()
  const [source, target] = [spacePrefix(from), spacePrefix(to)]
  let writes: Write[] = [fillingSpace(to)]
  /** The commit before: the next is gathered while it is written. */
  let before = Promise.resolve()
  const send = async () => {
    await before
    await queue.room()
    before = queue.commit(writes, queue.generation).durable
    before.catch(() => undefined) // it is told of when it is awaited
    writes = []
  }
  const add = async (key: string, value: Buffer) => {
    const copy = target + key.slice(source.length)
    writes.push({ key: copy, value }, ...entryUses(copy, undefined, value))
    if (writes.length >= WRITES) await send()
    else if (sliceIsOver()) await nextSlice()
  }
  try {
    await send()
    for (let after: string | undefined; ;) {
      const page = queue.range(source, { ...(after !== undefined && { after }), limit: PAGE })
      for (const [key, value] of page) {
        if (!changed.has(key)) await add(key, value)
        else if (sliceIsOver()) await nextSlice()
      }
      after = page.at(-1)?.[0]
      if (page.length < PAGE) break
    }
    for (const [key, value] of changed) {
      if (value !== undefined && key.startsWith(source)) await add(key, value)
      else if (sliceIsOver()) await nextSlice()
    }
    if (writes.length > 0) await send()
    await before
    return to
  } catch (error) {
    abandoned(to)
    throw error
  }
}
