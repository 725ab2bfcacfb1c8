import { sortedKeys } from './sorted-keys.ts'
import type { Store, Write } from './store.ts'

/** A key and its value, or that it is deleted. */
export type Entry = readonly [key: string, value: Buffer | undefined]

/** Memory that a write takes beside its bytes, about. */
const OVERHEAD = 64
export const bytesOf = (key: string, value: Buffer | undefined): number => key.length + (value?.byteLength ?? 0) + OVERHEAD

/** Writes on their way to the disk: the last one of each key. */
export interface PendingWrites {
  /** Whether there is a write of the key; its value may be undefined, for a deletion. */
  has(key: string): boolean
  get(key: string): Buffer | undefined
  add(write: Write): void
  /** Those of a prefix in key order, from after a key. */
  entries(prefix: string, after: string | undefined): Iterable<Entry>
  list(): readonly Write[]
  readonly size: number
  readonly bytes: number
}

export const pendingWrites = (): PendingWrites => {
  const values = new Map<string, Buffer | undefined>()
  // Order costs more than all else here, so keys are sorted when somebody asks for it.
  const sorted = sortedKeys()
  let unsorted: string[] = []
  let bytes = 0
  return {
    has: (key) => values.has(key),
    get: (key) => values.get(key),
    add({ key, value }) {
      if (values.has(key)) bytes -= bytesOf(key, values.get(key))
      else unsorted.push(key)
      values.set(key, value)
      bytes += bytesOf(key, value)
    },
    *entries(prefix, after) {
      for (const key of unsorted) sorted.add(key)
      unsorted = []
      for (const key of sorted.from(after !== undefined && after >= prefix ? `${after}\0` : prefix)) {
        if (!key.startsWith(prefix)) return
        yield [key, values.get(key)]
      }
    },
    list: () => Array.from(values, ([key, value]) => ({ key, value })),
    get size() {
      return values.size
    },
    get bytes() {
      return bytes
    },
  }
}

/** Two runs of entries in key order as one; where both have a key, the newer counts. */
export function* newerOver(newer: Iterable<Entry>, older: Iterable<Entry>): Generator<Entry, void> {
  const rest = older[Symbol.iterator]()
  let old = rest.next()
  for (const entry of newer) {
    while (old.done !== true && old.value[0] < entry[0]) {
      yield old.value
      old = rest.next()
    }
    if (old.done !== true && old.value[0] === entry[0]) old = rest.next()
    yield entry
  }
  for (; old.done !== true; old = rest.next()) yield old.value
}

/** Entries of a store as they are asked for, a page at a time: `limit` first, and then so many at the least. */
export function* pagesOf(store: Pick<Store, 'range'>, prefix: string, after: string | undefined, limit: number): Generator<Entry, void> {
  for (let from = after, size = limit; ; size = Math.max(size, 256)) {
    const page = store.range(prefix, { ...(from !== undefined && { after: from }), limit: size })
    yield* page
    if (page.length < size) return
    from = page.at(-1)?.[0]
  }
}
