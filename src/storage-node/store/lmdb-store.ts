import { existsSync, statSync } from 'node:fs'
import { open as openFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { failure, isActiveStorageError } from '../../core/errors.ts'
import { makeFolder, syncFolder, writeFailure } from './disk.ts'
import { diskRoom } from './disk-room.ts'
import { checkKeys, LONGEST_KEY, snapshotOver, type Store, type Write } from './store.ts'

export interface LmdbStore extends Store {
  /**
   * Copies the last commit, whole, to a new folder that `lmdbStore` opens, while reads and commits go on.
   * The folder is there only when it is complete, and then it is durable.
   * @throws `already-exists`, `read-only`, `storage-failed`
   */
  backup(toFolder: string): Promise<void>
}

const startOf = (prefix: string, after: string | undefined): string => (after !== undefined && after >= prefix ? `${after}\0` : prefix)
const rangeOf = (entries: Iterable<{ readonly key: Buffer; readonly value: Buffer }>, prefix: string) => {
  const found: (readonly [string, Buffer])[] = []
  for (const { key, value } of entries) {
    const text = key.toString('latin1')
    if (!text.startsWith(prefix)) break
    found.push([text, value])
  }
  return found
}

const PAGE = 4096
/** Snapshots at a time, at the most: calls and streams under way. */
const READERS = 2048
/** LMDB's lock file, whole: it is mapped, and the first use of a page that a full disk cannot give would end the process. */
const LOCK_BYTES = 8192 + READERS * 64

/** Bytes that the data file may have after these writes, at the most: all pages of the tree copied, or 4 a write, and the new data. */
const bytesAfter = (writes: readonly Write[], stats: object): number => {
  const last = 'lastPageNumber' in stats && typeof stats.lastPageNumber === 'number' ? stats.lastPageNumber : 0
  let data = 0
  for (const { key, value } of writes) data += key.length + (value?.length ?? 0) + 24
  return (last + 1 + Math.min(writes.length * 4, last + 1) + Math.ceil((data * 2.5) / PAGE) + 64) * PAGE
}

/** Pages are mapped, and a read of one beyond the file's end would end the process. */
const checkLength = (file: string, stats?: object): void => {
  const { size } = statSync(file, { throwIfNoEntry: false }) ?? { size: 0 }
  const last = stats !== undefined && 'lastPageNumber' in stats && typeof stats.lastPageNumber === 'number' ? stats.lastPageNumber : 1
  if (size === 0 || size >= (last + 1) * PAGE) return
  throw failure(
    'storage-failed',
    `${file} has been cut short: it has ${size} bytes, and its pages ${(last + 1) * PAGE}; restore the folder from a backup`,
  )
}

/** lmdb-js rejects a second promise of its own with the cause; unheard, that one would end the process. */
const causeOf = async (error: unknown): Promise<unknown> => {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (cause) {
    return cause
  }
}

/**
 * A store in a folder, on LMDB. What is committed while a transaction is being written goes into the next one, which
 * is one sync for all (group commit).
 * @throws ActiveStorageError `storage-failed`, `read-only`
 */
export const lmdbStore = async (folder: string): Promise<LmdbStore> => {
  const { open } = await import('lmdb')
  const refuse = (what: string, error: unknown) => writeFailure(`${what} in ${folder}`, error)
  const start = () =>
    open<Buffer, Buffer>({
      path: folder,
      keyEncoding: 'binary',
      encoding: 'binary',
      // True would let a commit resolve before its sync: here a resolved commit is on disk.
      overlappingSync: false,
      // True makes lmdb-js hold a promise of its own for each turn of the loop, which nobody hears when it is rejected.
      eventTurnBatching: false,
      // A batch is written when it is whole: begun earlier, the writing thread would poll for the rest of it.
      ...{ batchStartThreshold: Number.MAX_SAFE_INTEGER },
      maxDbs: 1,
      maxReaders: READERS,
    })
  const prepare = async () => {
    await makeFolder(folder)
    const lockFile = join(folder, 'lock.mdb')
    const missing = LOCK_BYTES - (statSync(lockFile, { throwIfNoEntry: false })?.size ?? 0)
    if (missing > 0) {
      const handle = await openFile(lockFile, 'a')
      try {
        await handle.write(Buffer.alloc(missing))
      } finally {
        await handle.close()
      }
    }
    const dataFile = join(folder, 'data.mdb')
    checkLength(dataFile)
    const db = start()
    try {
      checkLength(dataFile, db.getStats())
      await syncFolder(folder)
      return { db, room: await diskRoom(dataFile) }
    } catch (error) {
      await db.close()
      throw error
    }
  }
  const { db: first, room } = await prepare().catch((error: unknown) => {
    throw refuse('the store cannot be opened', error)
  })
  let db: typeof first | undefined = first
  const live = () => {
    try {
      return (db ??= start())
    } catch (error) {
      throw refuse('the store cannot be opened again after an error of its disk', error)
    }
  }
  const bytes = (key: string) => Buffer.from(key, 'latin1')
  /** What LMDB says of a page that it cannot follow, as an error of ours. */
  const reading = <T>(read: () => T): T => {
    try {
      return read()
    } catch (error) {
      if (isActiveStorageError(error)) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw failure('storage-failed', `the store in ${folder} cannot be read: ${reason}; restore the folder from a backup`, error)
    }
  }

  /** After a write to its first pages failed, LMDB refuses all more, and lmdb-js would wait for ever: it is opened again. */
  const revive = async (failed: typeof first) => {
    await setImmediate() // lmdb-js has ended the failed write by then
    try {
      failed.transactionSync(() => undefined)
    } catch {
      db = undefined
      await failed.close()
    }
  }
  const apply = async (writes: readonly Write[]) => {
    const into = live()
    await room.ensure(bytesAfter(writes, into.getStats()))
    try {
      // One transaction, written by a thread of libuv's: the main thread does not wait for the disk.
      await into.batch(() => {
        for (const { key, value } of writes) void (value === undefined ? into.remove(bytes(key)) : into.put(bytes(key), value))
      })
    } catch (error) {
      const cause = await causeOf(error)
      await revive(into)
      throw cause
    }
  }

  interface Waiting {
    readonly writes: readonly Write[]
    readonly resolve: () => void
    readonly reject: (error: unknown) => void
  }
  let waiting: Waiting[] = []
  let writing: Promise<void> | undefined
  let closed = false
  const writeAll = async () => {
    await Promise.resolve() // so that all of the caller's commits of this moment are in the first group
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      try {
        await apply(group.flatMap(({ writes }) => writes))
        for (const { resolve } of group) resolve()
      } catch (error) {
        const refused = refuse('a write failed', error)
        for (const { reject } of group) reject(refused)
      }
    }
    writing = undefined
  }

  return {
    get: (key) => (key.length > LONGEST_KEY || key.length === 0 ? undefined : reading(() => live().get(bytes(key)))),
    range: (prefix, { after, limit }) => reading(() => rangeOf(live().getRange({ start: bytes(startOf(prefix, after)), limit }), prefix)),
    snapshot() {
      const over = live()
      const transaction = over.useReadTransaction()
      let done = false
      const alive = () => {
        if (done) throw snapshotOver()
      }
      return {
        get(key) {
          alive()
          return key.length > LONGEST_KEY || key.length === 0 ? undefined : reading(() => over.get(bytes(key), { transaction }))
        },
        range(prefix, { after, limit }) {
          alive()
          return reading(() => rangeOf(over.getRange({ start: bytes(startOf(prefix, after)), limit, transaction }), prefix))
        },
        done() {
          if (!done) transaction.done()
          done = true
        },
      }
    },
    async commit(writes) {
      checkKeys(writes)
      if (closed) throw failure('unavailable', `the store in ${folder} is closed`)
      await new Promise<void>((resolve, reject) => {
        waiting.push({ writes, resolve, reject })
        writing ??= writeAll()
      })
    },
    async backup(toFolder) {
      if (existsSync(toFolder)) throw failure('already-exists', `${toFolder} is there: give the backup a folder of its own`)
      const partial = `${toFolder}.partial`
      try {
        await rm(partial, { recursive: true, force: true })
        await makeFolder(partial)
        await live().backup(partial, false)
        const copy = await openFile(join(partial, 'data.mdb'), 'r+')
        try {
          await copy.sync()
        } finally {
          await copy.close()
        }
        await syncFolder(partial)
        await rename(partial, toFolder)
        await syncFolder(dirname(toFolder))
      } catch (error) {
        await rm(partial, { recursive: true, force: true }).catch(() => undefined)
        throw writeFailure(`the backup to ${toFolder} failed`, error)
      }
    },
    async close() {
      closed = true
      await writing
      await db?.close()
      await room.close()
    },
  }
}
