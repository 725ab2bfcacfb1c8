import { type ContentHash, contentHash } from '../../core/ids.ts'
import { filterSliced, nextSlice, sliceIsOver } from '../../core/slices.ts'
import type { CommitQueue } from '../store/commit-queue.ts'
import { keyOf, partsOf, type Store } from '../store/store.ts'
import type { ContentStore } from './content-store.ts'

/** What a collection found, and removed where it was not a dry run. */
export interface Collected {
  readonly contents: number
  readonly bytes: number
  /** Notes of adopted files to which nothing refers; the files themselves are left alone. */
  readonly notes: number
}

/** Removes content that nothing refers to: what was let go of after a while, and everything else when it is told to look. */
export interface Collector {
  /** Keeps content from being removed while a call that has put it has not committed. @returns gives it free again */
  hold(hash: ContentHash): () => void
  /** Told of content to which there may be no reference any more. */
  letGoOf(hashes: readonly string[]): void
  /** Looks at all content. */
  collect(options: { readonly dryRun: boolean }): Promise<Collected>
  stop(): Promise<void>
}

export interface CollectorOptions {
  readonly content: ContentStore
  readonly queue: CommitQueue
  /** What is on disk: a release that is on its way there may still be lost. */
  readonly store: Pick<Store, 'range'>
  /** What a reference to some content begins with in the store. */
  readonly usesOf: (hash: string) => string
  /** A call may have read a reference that is gone now, and be about to commit it: so long it has time to. Default 30 s. */
  readonly graceMs?: number
  /**
   * When the oldest reader under way began, by `performance.now()`; undefined where there is none. What was released since
   * then it may still read. Default: there are no readers.
   */
  readonly oldestReader?: () => number | undefined
}

const PAGE = 1000
/** How often it is looked whether readers that hold up a removal have ended. */
const READERS_MS = 1000

export const createCollector = ({
  content,
  queue,
  store,
  usesOf,
  graceMs = 30_000,
  oldestReader = () => undefined,
}: CollectorOptions): Collector => {
  const held = new Map<ContentHash, number>()
  /** When what was released was so, in that order. */
  const waiting = new Map<ContentHash, number>()
  let timer: NodeJS.Timeout | undefined
  let working: Promise<unknown> = Promise.resolve()
  let stopped = false

  const isReadSince = (released: number | undefined) => released !== undefined && (oldestReader() ?? Infinity) <= released
  const isNoted = (view: Pick<Store, 'range'>, hash: ContentHash) => view.range(usesOf(hash), { limit: 1 }).length > 0
  const isUsed = (hash: ContentHash) => held.has(hash) || isReadSince(waiting.get(hash)) || isNoted(queue, hash) || isNoted(store, hash)
  const removeUnused = (hash: ContentHash) => content.remove(hash, () => !isUsed(hash))

  const removeDue = async () => {
    timer = undefined
    const now = performance.now()
    for (const [hash, released] of waiting) {
      if (stopped || released + graceMs > now) break
      // All later releases are in its way as well.
      if (isReadSince(released)) return arm(READERS_MS)
      waiting.delete(hash)
      // On a disk that takes no writes now it stays, for a collection to find.
      await removeUnused(hash).catch(() => undefined)
      if (sliceIsOver()) await nextSlice()
    }
    arm()
  }
  const arm = (leastMs = 0) => {
    const [first] = waiting.values()
    if (first === undefined || stopped || timer !== undefined) return
    timer = setTimeout(
      () => {
        working = working.then(removeDue).catch(() => undefined)
      },
      Math.max(leastMs, first + graceMs - performance.now()),
    )
    timer.unref()
  }

  return {
    hold(hash) {
      held.set(hash, (held.get(hash) ?? 0) + 1)
      return () => {
        const left = (held.get(hash) ?? 1) - 1
        if (left === 0) held.delete(hash)
        else held.set(hash, left)
      }
    },
    letGoOf(hashes) {
      for (const text of hashes) {
        const hash = contentHash(text)
        // Anew at the end: the map is in the order of their times.
        waiting.delete(hash)
        waiting.set(hash, performance.now())
      }
      arm()
    },
    async collect({ dryRun }) {
      const found = { contents: 0, bytes: 0, notes: 0 }
      for (let after: ContentHash | undefined; ;) {
        const page = await content.list({ ...(after !== undefined && { after }), limit: PAGE })
        for (const { hash, bytes } of page) {
          if (sliceIsOver()) await nextSlice()
          if (isUsed(hash) || (!dryRun && !(await removeUnused(hash)))) continue
          found.contents++
          found.bytes += bytes
        }
        after = page.at(-1)?.hash
        if (page.length < PAGE) break
      }
      for (let after: string | undefined; ;) {
        const page = queue.range(keyOf('adopted'), { ...(after !== undefined && { after }), limit: PAGE })
        const unused = await filterSliced(page, ([key]) => !isUsed(contentHash(partsOf(key)[1])))
        found.notes += unused.length
        if (!dryRun)
          await queue.commit(
            unused.map(([key]) => ({ key, value: undefined })),
            queue.generation,
          ).durable
        after = page.at(-1)?.[0]
        if (page.length < PAGE) return found
      }
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await working
    },
  }
}
