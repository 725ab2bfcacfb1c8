import { failure } from '../core/errors.ts'
import type { Table } from '../core/self.ts'
import type { Value } from '../core/value.ts'
import { fromBytes, toBytes } from '../wire/stored.ts'
import { tablePrefix } from './object-record.ts'
import { keyOf, partsOf, type Store, type Write } from './store/store.ts'

const PAGE = 1000

/** The tables of one object in one turn: reads see the turn's own writes, which are committed with the state. */
export const objectTables = (store: Store, type: string, id: string) => {
  const writes = new Map<string, Buffer | undefined>()

  const entryKey = (prefix: string, key: string) => {
    if (key.length === 0 || key.includes('\0'))
      throw failure('invalid-argument', 'a table key must be text of at least one character, without the character U+0000')
    return prefix + keyOf(key)
  }
  const table = (name: string): Table => {
    const prefix = tablePrefix(type, id, name)
    return {
      get: (key) => {
        const full = entryKey(prefix, key)
        const bytes = writes.has(full) ? writes.get(full) : store.get(full)
        return bytes === undefined ? undefined : fromBytes(bytes)
      },
      put: (key, value) => void writes.set(entryKey(prefix, key), toBytes(value)),
      delete: (key) => void writes.set(entryKey(prefix, key), undefined),
      entries: ({ after, limit = PAGE } = {}) => {
        const from = after === undefined ? undefined : entryKey(prefix, after)
        // As many more as the turn may have deleted, so that a page is full where there is enough.
        const merged = new Map<string, Buffer | undefined>(
          store.range(prefix, { ...(from !== undefined && { after: from }), limit: limit + writes.size }),
        )
        for (const [key, bytes] of writes) if (key.startsWith(prefix) && (from === undefined || key > from)) merged.set(key, bytes)
        const found: [string, Value][] = []
        for (const key of [...merged.keys()].sort()) {
          const bytes = merged.get(key)
          if (bytes !== undefined && found.length < limit) found.push([partsOf(key).at(-1) ?? '', fromBytes(bytes)])
        }
        return found
      },
    }
  }
  return {
    table,
    get writes(): readonly Write[] {
      return [...writes].map(([key, value]) => ({ key, value }))
    },
  }
}
