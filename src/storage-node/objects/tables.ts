import { failure } from '../../core/errors.ts'
import type { Table } from '../../core/self.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import { type Entry, newerOver, pagesOf } from '../store/pending-writes.ts'
import { sortedKeys } from '../store/sorted-keys.ts'
import { keyOf, partsOf, type Store } from '../store/store.ts'
import { tablePrefix } from './record.ts'

/** What tables are read from. */
export type View = Pick<Store, 'get' | 'range'>

/** Writes of one turn: a value, or undefined for what it deletes. Their order is made when somebody asks for it. */
export class Writes extends Map<string, Buffer | undefined> {
  #sorted = sortedKeys()
  #unsorted: string[] = []

  override set(key: string, value: Buffer | undefined): this {
    if (!this.has(key)) this.#unsorted.push(key)
    return super.set(key, value)
  }
  override clear(): void {
    super.clear()
    this.#sorted = sortedKeys()
    this.#unsorted = []
  }
  /** Those of a prefix in key order, from after a key. */
  *within(prefix: string, after: string | undefined): Generator<Entry, void> {
    for (const key of this.#unsorted) this.#sorted.add(key)
    this.#unsorted = []
    for (const key of this.#sorted.from(after === undefined ? prefix : `${after}\0`)) {
      if (!key.startsWith(prefix)) return
      yield [key, this.get(key)]
    }
  }
}

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
      const stored = pagesOf(view, prefix, from, limit)
      const found: [string, Value][] = []
      if (limit > 0)
        for (const [key, bytes] of writes.size === 0 ? stored : newerOver(writes.within(prefix, from), stored)) {
          if (bytes === undefined) continue
          if (found.push([partsOf(key).at(-1) ?? '', fromBytes(bytes)]) >= limit) break
        }
      return found
    },
  }
}
