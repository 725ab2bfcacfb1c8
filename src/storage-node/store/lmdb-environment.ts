import { statSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate, setTimeout as pause } from 'node:timers/promises'
import type { RootDatabase, Transaction } from 'lmdb'
import { failure, failureWith, isActiveStorageError } from '../../core/errors.ts'
import { makeFolder, syncFolder, writeFailure } from './disk.ts'
import { checkPages, cutShort, PAGE } from './lmdb-pages.ts'

export type Db = RootDatabase<Buffer, Buffer>

/** One transaction that reads: what was committed when it began. */
export interface Reading {
  /** @throws `storage-failed`; `overloaded` where the environment has been opened again since: read again */
  read<T>(from: (db: Db, transaction: Transaction) => T): T
  done(): void
}

/** LMDB over a folder, opened again when LMDB gives it up. */
export interface Environment {
  /** @throws `storage-failed`; `overloaded` while it is being opened again; `unavailable` after `close` */
  read<T>(from: (db: Db) => T): T
  /** Begins to read as soon as that can be done. */
  beginReading(): Promise<Reading>
  /** One transaction. @throws what LMDB or the file system says */
  write(into: (db: Db) => Promise<unknown>): Promise<void>
  close(): Promise<void>
}

/** Snapshots at a time, at the most: calls and streams under way. */
const READERS = 2048
/** LMDB's lock file, whole: it is mapped, and the first use of a page that a full disk cannot give would end the process. */
const LOCK_BYTES = 8192 + READERS * 64
/** How long an environment that LMDB has given up waits for those who still read in it. */
const READERS_MS = 1000

/** The number of the last page in use. */
export const lastPageOf = (stats: object): number =>
  'lastPageNumber' in stats && typeof stats.lastPageNumber === 'number' ? stats.lastPageNumber : 0

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
const checkLength = (file: string, lastPage: number): void => {
  const size = sizeOf(file)
  if (size > 0 && size < (lastPage + 1) * PAGE) throw cutShort(file, size, BigInt(lastPage + 1))
}

export interface EnvironmentOptions {
  /** The most bytes of a store whose pages are all looked at before LMDB follows them. Default 256 MiB, which take a second. */
  readonly checkBytes?: number
}

/**
 * lmdb-js rejects a second promise of its own with the cause, in the same moment; unheard, that one would end the process.
 * Errno 1 it takes for a message of its writing thread: of a write that was not permitted that promise never tells.
 */
const causeOf = async (error: unknown): Promise<unknown> => {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    await Promise.race([error.commitError, setImmediate()])
    return Object.assign(new Error('Operation not permitted'), { code: 'EPERM' })
  } catch (cause) {
    return cause
  }
}

/** After a write to its first pages failed, LMDB refuses all that begins later. */
const isGivenUp = (error: unknown): boolean => error instanceof Error && error.message.includes('MDB_PANIC')

/** @throws ActiveStorageError `storage-failed`, `read-only` */
export const lmdbEnvironment = async (folder: string, { checkBytes = 256 * 1024 ** 2 }: EnvironmentOptions = {}): Promise<Environment> => {
  const { open } = await import('lmdb')
  const start = ({ readOnly = false } = {}): Db =>
    open<Buffer, Buffer>({
      path: folder,
      readOnly,
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
  const dataFile = join(folder, 'data.mdb')
  const prepare = async (): Promise<Db> => {
    await makeFolder(folder)
    const lockFile = join(folder, 'lock.mdb')
    const missing = LOCK_BYTES - sizeOf(lockFile)
    if (missing > 0) {
      const handle = await openFile(lockFile, 'a')
      try {
        await handle.write(Buffer.alloc(missing))
      } finally {
        await handle.close()
      }
    }
    checkLength(dataFile, 1)
    const size = sizeOf(dataFile)
    if (size > 0 && size <= checkBytes) checkPages(dataFile)
    const made = start()
    try {
      checkLength(dataFile, lastPageOf(made.getStats()))
      await syncFolder(folder)
      return made
    } catch (error) {
      await made.close()
      throw error
    }
  }
  let db: Db | undefined = await prepare().catch((error: unknown) => {
    throw writeFailure(`the store cannot be opened in ${folder}`, error)
  })
  let closed = false
  /** It could not be opened again for writing: reads go on, and the next write looks whether it can be now. */
  let readingAlone = false
  /** Each by a mark of its own: those that begin in one moment share a transaction, and end one by one. */
  const readers = new Set<symbol>()
  /** The write that is under way: when it has ended, so has the opening again that it may have called for. */
  let writing: Promise<unknown> = Promise.resolve()
  const again = (cause?: unknown) =>
    failureWith('overloaded', `the store in ${folder} is being opened again after an error of its disk`, { retryAfterMs: 100 }, cause)
  const live = (): Db => {
    if (closed) throw failure('unavailable', `the store in ${folder} is closed`)
    if (db === undefined) throw again()
    return db
  }
  /** What LMDB says of a page that it cannot follow, as an error of ours. */
  const reading = <T>(read: () => T): T => {
    try {
      return read()
    } catch (error) {
      if (isActiveStorageError(error)) throw error
      if (isGivenUp(error)) throw again(error)
      const reason = error instanceof Error ? error.message : String(error)
      throw failure('storage-failed', `the store in ${folder} cannot be read: ${reason}; restore the folder from a backup`, error)
    }
  }

  let lastReaderIsDone = () => {}
  const readersAreDone = async () => {
    if (readers.size > 0) await Promise.race([pause(READERS_MS), new Promise<void>((resolve) => (lastReaderIsDone = resolve))])
  }
  const openAgain = async (old: Db | undefined) => {
    db = undefined
    await readersAreDone()
    await old?.close()
    readers.clear()
    readingAlone = false
    try {
      db = start()
    } catch {
      db = start({ readOnly: true })
      readingAlone = true
    }
  }
  /** lmdb-js would wait for ever for a write into an environment that LMDB has given up: it is opened again. */
  const revive = async (failed: Db) => {
    await setImmediate() // lmdb-js has ended the failed write by then
    try {
      failed.transactionSync(() => undefined)
    } catch {
      await openAgain(failed)
    }
  }
  /** @throws what the file system says where the file may not be written */
  const openForWriting = async () => {
    await (await openFile(dataFile, 'r+')).close()
    await openAgain(db)
  }
  const begin = (): Reading => {
    const over = live()
    const transaction = reading(() => over.useReadTransaction())
    const reader = Symbol('reader')
    readers.add(reader)
    return {
      read(from) {
        // Its pages are mapped no more.
        if (!readers.has(reader)) throw again()
        return reading(() => from(over, transaction))
      },
      done() {
        if (readers.delete(reader)) transaction.done()
        if (readers.size === 0) lastReaderIsDone()
      },
    }
  }

  return {
    read: (from) => reading(() => from(live())),
    async beginReading() {
      try {
        return begin()
      } catch (error) {
        if (!isActiveStorageError(error, 'overloaded')) throw error
        await writing
        return begin()
      }
    },
    async write(into) {
      const attempt = async () => {
        if (!closed && (db === undefined || readingAlone)) await openForWriting()
        const target = live()
        try {
          await into(target)
        } catch (error) {
          const cause = await causeOf(error)
          await revive(target)
          throw cause
        }
      }
      const ran = attempt()
      writing = ran.catch(() => undefined)
      await ran
    },
    async close() {
      closed = true
      await writing
      await db?.close()
      readers.clear()
    },
  }
}
