import { failure } from '../../core/errors.ts'

/**
 * Where a host keeps what lasts. Keys are strings of bytes ("binary strings", one character a byte), ordered bytewise.
 */
export interface Store {
  get(key: string): Buffer | undefined
  /** Entries whose key begins with `prefix`, in key order, from after key `after`, `limit` at the most. */
  range(prefix: string, options: { after?: string; limit: number }): readonly (readonly [string, Buffer])[]
  /**
   * Applies all writes or none, in their order. They survive the loss of the process, and of power, once the promise
   * resolves. The values are the store's from then on: they may not change.
   * @throws `read-only` where the disk is full or takes no writes: reads go on, and writes do when it takes them again;
   * `storage-failed`; `too-large`, `invalid-argument` for a key that cannot be one
   */
  commit(writes: readonly Write[]): Promise<void>
  /** The last commit as it is now, whatever is committed later. Holds old pages of a store on disk: let it go soon. */
  snapshot(): Promise<Snapshot>
  close(): Promise<void>
}

export interface Snapshot extends Pick<Store, 'get' | 'range'> {
  /** Lets it go; reads throw `deadline-exceeded` from then on. */
  done(): void
}

export const snapshotOver = () =>
  failure(
    'deadline-exceeded',
    'a readonly method reads its snapshot of the store for a minute at the most, and this one has taken longer: read less in a call, in pages',
  )

/** Puts a value, or deletes the key where there is none. */
export interface Write {
  readonly key: string
  readonly value: Buffer | undefined
}

/** The longest key: LMDB's, less what lmdb-js needs. The same in every store, so that where an object lives changes nothing. */
export const LONGEST_KEY = 1900

/** @throws `too-large`, `invalid-argument` */
export const checkKeys = (writes: readonly Write[]): void => {
  for (const { key } of writes) {
    if (key.length > LONGEST_KEY) throw failure('too-large', `a name of ${key.length} bytes with its object's; the most is ${LONGEST_KEY}`)
    if (key.length === 0) throw failure('invalid-argument', 'a key of the store is empty: build it with keyOf')
  }
}

/** What UTF-8 leaves as it is: nearly all names. */
const ASCII = /^[\0-\x7f]*$/

/** Joins parts into a key: UTF-8, a zero byte after each, so that no part's end can be taken for another's. */
export const keyOf = (...parts: readonly string[]): string =>
  parts.map((part) => `${ASCII.test(part) ? part : Buffer.from(part, 'utf8').toString('latin1')}\0`).join('')

/** The parts of a key. */
export const partsOf = (key: string): readonly string[] =>
  key
    .slice(0, -1)
    .split('\0')
    .map((part) => Buffer.from(part, 'latin1').toString('utf8'))
