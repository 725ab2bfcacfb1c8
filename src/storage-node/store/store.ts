/**
 * Where a host keeps what lasts. Keys are strings of bytes ("binary strings", one character a byte), ordered bytewise.
 */
export interface Store {
  get(key: string): Buffer | undefined
  /** Entries whose key begins with `prefix`, in key order, from after key `after`, `limit` at the most. */
  range(prefix: string, options: { after?: string; limit: number }): readonly (readonly [string, Buffer])[]
  /** Applies all writes or none. They survive the loss of the process, and of power, once the promise resolves. @throws `storage-failed` */
  commit(writes: readonly Write[]): Promise<void>
  close(): Promise<void>
}

/** Puts a value, or deletes the key where there is none. */
export interface Write {
  readonly key: string
  readonly value: Buffer | undefined
}

/** Joins parts into a key: UTF-8, a zero byte after each, so that no part's end can be taken for another's. */
export const keyOf = (...parts: readonly string[]): string =>
  parts.map((part) => `${Buffer.from(part, 'utf8').toString('latin1')}\0`).join('')

/** The parts of a key. */
export const partsOf = (key: string): readonly string[] =>
  key
    .slice(0, -1)
    .split('\0')
    .map((part) => Buffer.from(part, 'latin1').toString('utf8'))
