import { failure } from '../../core/errors.ts'
import type { Table } from '../../core/self.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import { keyOf, partsOf, type Store } from '../store/store.ts'
import { tablePrefix } from './record.ts'

/** What tables are read from. */
export type View = Pick<Store, 'get' | 'range'>

/** Writes of one turn: a value, or undefined for what it deletes. */
export type Writes = Map<string, Buffer | undefined>

const PAGE = 1000
/** An entry is read whole and at once, so it is no place for what belongs in content. */
const LARGEST = 1024 * 1024

const entryKey = (prefix: string, key: string) => {
  if (key.length === 0 || key.includes('\0'))
    throw failure('invalid-argument', 'a table key must be text of at least one character, without the character U+0000')
  return prefix + keyOf(key)
}

const entryBytes = (table: string, key: string, value: Value): Buffer => {
  const bytes = toBytes(value)
  if (bytes.byteLength > LARGEST)
    throw failure(
      'too-large',
      `entry "${key.slice(0, 80)}" of table "${table}" has ${bytes.byteLength} bytes, the most is ${LARGEST}: keep it with self.content.put and store the reference`,
    )
  return bytes
}

/** One table of a space. Reads see the turn's own writes, which are committed with the state. */
export const openTable = (view: View, space: string, name: string, writes: Writes): Table => {
  const prefix = tablePrefix(space, name)
  return {
    get: (key) => {
      const full = entryKey(prefix, key)
      const bytes = writes.has(full) ? writes.get(full) : view.get(full)
      return bytes === undefined ? undefined : fromBytes(bytes)
    },
    put: (key, value) => void writes.set(entryKey(prefix, key), entryBytes(name, key, value)),
    delete: (key) => void writes.set(entryKey(prefix, key), undefined),
    entries: ({ after, limit = PAGE } = {}) => {
      const from = after === undefined ? undefined : entryKey(prefix, after)
      // As many more as the turn may have deleted, so that a page is full where there is enough.
      const merged = new Map<string, Buffer | undefined>(
        view.range(prefix, { ...(from !== undefined && { after: from }), limit: limit + writes.size }),
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
