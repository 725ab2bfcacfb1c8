import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type ActiveStorageError, failure, isActiveStorageError } from '../../core/errors.ts'
import { type ContentHash, contentHash } from '../../core/ids.ts'
import { makeFolder, syncFolder, writeFailure } from '../store/disk.ts'
import type { ContentStore, Listed } from './content-store.ts'
import { hashSliced } from './hash.ts'

const isMissing = (error: unknown) => error instanceof Error && 'code' in error && error.code === 'ENOENT'
const SHARD = /^[0-9a-f]{2}$/
const REST = /^[0-9a-f]{62}$/

/** The bytes of a file, if they have the hash. @throws `content-changed` */
export const checked = async (hash: ContentHash, bytes: Uint8Array, path: string): Promise<Uint8Array> => {
  if ((await hashSliced(bytes)) === hash) return bytes
  throw failure('content-changed', `${path} no longer holds the bytes of ${hash}: adopt its folder again, or restore the file`)
}

const CHANGED = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EACCES', 'EPERM'])

/**
 * An error of opening or reading a file of content. Only what says something of the file itself is `content-changed`: a
 * process that has no descriptors left says nothing of it.
 */
export const readFailure = (path: string, error: unknown): ActiveStorageError => {
  if (isActiveStorageError(error)) return error
  const reason = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (CHANGED.has(code)) return failure('content-changed', `${path} cannot be read: ${reason}`, error)
  const remedy =
    code === 'EMFILE' || code === 'ENFILE'
      ? 'raise the limit of open files (ulimit -n, LimitNOFILE), and repeat the call'
      : 'check the disk, and repeat the call'
  return failure('storage-failed', `${path} cannot be read now: ${reason}; ${remedy}`, error)
}

/** @throws `content-changed`, `storage-failed` */
const load = async (path: string): Promise<Uint8Array> => {
  try {
    return await readFile(path)
  } catch (error) {
    throw readFailure(path, error)
  }
}

const removeLeftovers = (folder: string) => {
  try {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true })
  } catch {
    // There are none, or the disk is read-only now: they only take space.
  }
}

/**
 * Files named by their hash, `ab/cdef…`. A file is written under another name, in `tmp`, and renamed when it is on disk:
 * a crash leaves nothing but files there, which go when the folder is opened the next time.
 */
export const hashedFiles = (folder: string): Omit<ContentStore, 'adopt' | 'adoptParts' | 'adoptable' | 'withAdoptable'> => {
  const temporary = join(folder, 'tmp')
  const shardOf = (hash: ContentHash) => join(folder, hash.slice(0, 2))
  const pathOf = (hash: ContentHash) => join(shardOf(hash), hash.slice(2))
  const found = (hash: ContentHash) => statSync(pathOf(hash), { throwIfNoEntry: false })
  removeLeftovers(temporary)

  // Bytes are hashed once a process, and again when the file has been touched since.
  const verified = new Map<ContentHash, string>()
  const read = async (hash: ContentHash, { afresh = false } = {}): Promise<Uint8Array | undefined> => {
    const now = found(hash)
    if (now === undefined) return undefined
    const touched = `${now.size} ${now.mtimeMs} ${now.ino}`
    const bytes = await load(pathOf(hash)).catch((error: unknown) => {
      if (error instanceof Error && isMissing(error.cause)) return undefined
      throw error
    })
    if (bytes === undefined || (!afresh && verified.get(hash) === touched)) return bytes
    verified.delete(hash)
    await checked(hash, bytes, pathOf(hash))
    verified.set(hash, touched)
    return bytes
  }

  /** Folders that outlive a loss of power for certain: a process that ended too soon may not have synced what it made. */
  const folders = new Map<string, Promise<void>>()
  const madeFolder = async (path: string) => {
    const made = folders.get(path) ?? makeFolder(path).then(() => syncFolder(folder))
    folders.set(path, made)
    try {
      await made
    } catch (error) {
      folders.delete(path)
      throw error
    }
  }
  /** Files that outlive a loss of power for certain. */
  const durable = new Set<ContentHash>()
  const syncFile = async (path: string) => {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  const write = async (hash: ContentHash, bytes: Uint8Array) => {
    await madeFolder(temporary)
    await madeFolder(shardOf(hash))
    const path = join(temporary, randomUUID())
    try {
      const handle = await open(path, 'wx')
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(path, pathOf(hash))
    } catch (error) {
      await rm(path, { force: true }).catch(() => undefined)
      if (isMissing(error)) folders.clear() // somebody took a folder away: the next try makes it again
      throw error
    }
    verified.delete(hash)
  }

  /** Puts and removals of one hash take turns. */
  const busy = new Map<ContentHash, Promise<unknown>>()
  const alone = async <T>(hash: ContentHash, work: () => Promise<T>): Promise<T> => {
    const before = busy.get(hash) ?? Promise.resolve()
    const own = before.then(work, work)
    busy.set(hash, own)
    try {
      return await own
    } finally {
      if (busy.get(hash) === own) busy.delete(hash)
    }
  }

  return {
    read,
    has: (hash) => found(hash) !== undefined,
    async file(hash) {
      const now = found(hash)
      if (now === undefined) return undefined
      if (verified.get(hash) === `${now.size} ${now.mtimeMs} ${now.ino}`) return pathOf(hash)
      return (await read(hash)) === undefined ? undefined : pathOf(hash)
    },
    async put(bytes, known) {
      const hash = await hashSliced(bytes)
      known?.(hash)
      await alone(hash, async () => {
        if (durable.has(hash) && found(hash) !== undefined) return
        try {
          const whole = await read(hash).catch(() => undefined)
          if (whole === undefined) await write(hash, bytes)
          else {
            await madeFolder(shardOf(hash))
            await syncFile(pathOf(hash))
          }
          await syncFolder(shardOf(hash))
        } catch (error) {
          throw writeFailure(`content of ${bytes.byteLength} bytes could not be kept in ${folder}`, error)
        }
        durable.add(hash)
      })
      return hash
    },
    async list({ after = '', limit }) {
      const names = (path: string) =>
        readdir(path).catch((error: unknown) => {
          if (isMissing(error)) return []
          throw failure('storage-failed', `${path} cannot be listed: ${error instanceof Error ? error.message : String(error)}`, error)
        })
      const listed: Listed[] = []
      for (const shard of (await names(folder)).filter((name) => SHARD.test(name) && name >= after.slice(0, 2)).toSorted()) {
        for (const rest of (await names(join(folder, shard))).filter((name) => REST.test(name) && shard + name > after).toSorted()) {
          if (listed.length >= limit) return listed
          const now = await stat(join(folder, shard, rest)).catch(() => undefined)
          if (now?.isFile() === true) listed.push({ hash: contentHash(shard + rest), bytes: now.size })
        }
      }
      return listed
    },
    remove: (hash, still = () => true) =>
      alone(hash, async () => {
        if (!still()) return false
        try {
          await rm(pathOf(hash))
          await syncFolder(shardOf(hash))
        } catch (error) {
          if (isMissing(error)) return false
          throw writeFailure(`content ${hash} could not be removed from ${folder}`, error)
        } finally {
          durable.delete(hash)
          verified.delete(hash)
        }
        return true
      }),
  }
}
