import { failure } from '../../core/errors.ts'
import type { Store } from './store.ts'

/** LMDB's longest key, less what lmdb-js needs. */
const LONGEST_KEY = 1900

/**
 * A store in a folder, on LMDB. Concurrent commits share one sync (group commit).
 * @throws ActiveStorageError `storage-failed`
 */
export const lmdbStore = async (folder: string): Promise<Store> => {
  const { open } = await import('lmdb')
  const refuse = (what: string) => (error: unknown) =>
    failure('storage-failed', `${what} in ${folder}: ${error instanceof Error ? error.message : String(error)}`, error)
  const opened = () => {
    try {
      // overlappingSync would let a commit resolve before its sync: here a resolved commit is on disk.
      return open<Buffer, Buffer>({ path: folder, keyEncoding: 'binary', encoding: 'binary', overlappingSync: false, maxDbs: 1 })
    } catch (error) {
      throw refuse('the store cannot be opened')(error)
    }
  }
  const db = opened()
  const bytes = (key: string) => Buffer.from(key, 'latin1')

  return {
    get: (key) => (key.length > LONGEST_KEY ? undefined : db.get(bytes(key))),
    range(prefix, { after, limit }) {
      const found: (readonly [string, Buffer])[] = []
      const start = after !== undefined && after >= prefix ? `${after}\0` : prefix
      for (const { key, value } of db.getRange({ start: bytes(start), limit })) {
        const text = key.toString('latin1')
        if (!text.startsWith(prefix)) break
        found.push([text, value])
      }
      return found
    },
    async commit(writes) {
      const long = writes.find(({ key }) => key.length > LONGEST_KEY)
      if (long !== undefined) throw failure('too-large', `a name of ${long.key.length} bytes with its object's; the most is ${LONGEST_KEY}`)
      try {
        await db.transaction(() => {
          for (const { key, value } of writes) {
            // The transaction as a whole is awaited; inside it each write has happened when the call returns.
            if (value === undefined) db.removeSync(bytes(key))
            else db.putSync(bytes(key), value)
          }
        })
      } catch (error) {
        throw refuse('a write failed')(error)
      }
    },
    close: async () => {
      await db.close()
    },
  }
}
