import { checkKeys, type Store } from './store.ts'

/** A store that lasts as long as the process: for tests, and for a client's own objects. */
export const memoryStore = (): Store => {
  const values = new Map<string, Buffer>()
  let sorted: readonly string[] | undefined
  return {
    get: (key) => values.get(key),
    range(prefix, { after, limit }) {
      sorted ??= [...values.keys()].sort()
      const found: (readonly [string, Buffer])[] = []
      for (const key of sorted) {
        if (found.length >= limit) break
        const value = values.get(key)
        if (value !== undefined && key.startsWith(prefix) && (after === undefined || key > after)) found.push([key, value])
      }
      return found
    },
    async commit(writes) {
      checkKeys(writes)
      for (const { key, value } of writes) {
        if (value === undefined) values.delete(key)
        else values.set(key, value)
      }
      sorted = undefined
    },
    close: () => Promise.resolve(),
  }
}
