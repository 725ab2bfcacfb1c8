import { existsSync } from 'node:fs'
import { open as openFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { failure } from '../../core/errors.ts'
import { makeFolder, syncFolder, writeFailure } from './disk.ts'
import { diskRoom } from './disk-room.ts'
import { type EnvironmentOptions, lastPageOf, lmdbEnvironment } from './lmdb-environment.ts'
import { PAGE } from './lmdb-pages.ts'
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
const bytes = (key: string) => Buffer.from(key, 'latin1')
const isKey = (key: string) => key.length > 0 && key.length <= LONGEST_KEY

/** Bytes that the data file may have after these writes, at the most: all pages of the tree copied, or 4 a write, and the new data. */
const bytesAfter = (writes: readonly Write[], last: number): number => {
  let data = 0
  for (const { key, value } of writes) data += key.length + (value?.length ?? 0) + 24
  return (last + 1 + Math.min(writes.length * 4, last + 1) + Math.ceil((data * 2.5) / PAGE) + 64) * PAGE
}

/**
 * A store in a folder, on LMDB. What is committed while a transaction is being written goes into the next one, which
 * is one sync for all (group commit).
 * @throws ActiveStorageError `storage-failed`, `read-only`
 */
export const lmdbStore = async (folder: string, options: EnvironmentOptions = {}): Promise<LmdbStore> => {
  const environment = await lmdbEnvironment(folder, options)
  const room = await diskRoom(join(folder, 'data.mdb')).catch(async (error: unknown) => {
    await environment.close()
    throw writeFailure(`the store cannot be opened in ${folder}`, error)
  })
  const apply = async (writes: readonly Write[]) => {
    await environment.write(async (db) => {
      await room.ensure(bytesAfter(writes, lastPageOf(db.getStats())))
      // One transaction, written by a thread of libuv's: the main thread does not wait for the disk.
      await db.batch(() => {
        for (const { key, value } of writes) void (value === undefined ? db.remove(bytes(key)) : db.put(bytes(key), value))
      })
    })
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
        const refused = writeFailure(`a write failed in ${folder}`, error)
        for (const { reject } of group) reject(refused)
      }
    }
    writing = undefined
  }

  return {
    get: (key) => (isKey(key) ? environment.read((db) => db.get(bytes(key))) : undefined),
    range: (prefix, { after, limit }) =>
      environment.read((db) => rangeOf(db.getRange({ start: bytes(startOf(prefix, after)), limit }), prefix)),
    async snapshot() {
      const reading = await environment.beginReading()
      let done = false
      const alive = () => {
        if (done) throw snapshotOver()
      }
      return {
        get(key) {
          alive()
          return isKey(key) ? reading.read((db, transaction) => db.get(bytes(key), { transaction })) : undefined
        },
        range(prefix, { after, limit }) {
          alive()
          return reading.read((db, transaction) =>
            rangeOf(db.getRange({ start: bytes(startOf(prefix, after)), limit, transaction }), prefix),
          )
        },
        done() {
          if (!done) reading.done()
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
        await environment.read((db) => db.backup(partial, false))
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
      await environment.close()
      await room.close()
    },
  }
}
