import { type Entry, newerOver, type PendingWrites, pendingWrites } from './pending-writes.ts'
import { sortedKeys } from './sorted-keys.ts'
import { checkKeys, snapshotOver, type Store } from './store.ts'

/** A store that lasts as long as the process: for tests, and for a client's own objects. */
export const memoryStore = (): Store => {
  const values = new Map<string, Buffer>()
  const keys = sortedKeys()
  /** For each live snapshot, what has changed since: as it was. */
  const snapshots = new Set<PendingWrites>()
  function* entries(prefix: string, after: string | undefined): Generator<Entry, void> {
    for (const key of keys.from(after !== undefined && after >= prefix ? `${after}\0` : prefix)) {
      if (!key.startsWith(prefix)) return
      yield [key, values.get(key)]
    }
  }
  const firstOf = (run: Iterable<Entry>, limit: number) => {
    const found: (readonly [string, Buffer])[] = []
    if (limit <= 0) return found
    for (const [key, value] of run) if (value !== undefined && found.push([key, value]) >= limit) break
    return found
  }
  return {
    get: (key) => values.get(key),
    range: (prefix, { after, limit }) => firstOf(entries(prefix, after), limit),
    async snapshot() {
      const before = pendingWrites()
      snapshots.add(before)
      const live = () => {
        if (!snapshots.has(before)) throw snapshotOver()
      }
      return {
        get(key) {
          live()
          return before.has(key) ? before.get(key) : values.get(key)
        },
        range(prefix, { after, limit }) {
          live()
          return firstOf(newerOver(before.entries(prefix, after), entries(prefix, after)), limit)
        },
        done: () => void snapshots.delete(before),
      }
    },
    async commit(writes) {
      checkKeys(writes)
      for (const { key, value } of writes) {
        for (const before of snapshots) if (!before.has(key)) before.add({ key, value: values.get(key) })
        if (value === undefined) {
          if (values.delete(key)) keys.remove(key)
        } else {
          if (!values.has(key)) keys.add(key)
          values.set(key, value)
        }
      }
    },
    close: () => Promise.resolve(),
  }
}
