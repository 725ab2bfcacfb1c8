import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { failure, isActiveStorageError } from '../../core/errors.ts'
import type { ContentHash } from '../../core/ids.ts'
import { keyOf, type Store } from '../store/store.ts'
import type { ContentStore } from './content-store.ts'
import { hashOf } from './hash.ts'

/** What is known of an adopted file: while size and time are unchanged its hash is taken as read. */
interface Adopted {
  readonly path: string
  readonly bytes: number
  readonly mtimeMs: number
}

const isAdopted = (value: unknown): value is Adopted =>
  typeof value === 'object' && value !== null && 'path' in value && 'bytes' in value && 'mtimeMs' in value

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error))
const syncFolder = async (folder: string) => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Content in files named by their hash under `folder`, and files adopted where they lie, noted in the store.
 * @param adoptable folders, below which the operator lets callers adopt files
 */
export const folderContent = (folder: string, store: Store, adoptable: readonly string[]): ContentStore => {
  const fileOf = (hash: ContentHash) => join(folder, hash.slice(0, 2), hash.slice(2))
  const noteKey = (hash: ContentHash) => keyOf('adopted', hash)
  const adopted = (hash: ContentHash): Adopted | undefined => {
    const note = store.get(noteKey(hash))
    const value: unknown = note === undefined ? undefined : JSON.parse(note.toString('utf8'))
    return isAdopted(value) ? value : undefined
  }
  // Bytes on disk are checked against their hash once a process; a file that changes afterwards shows by size or time.
  const verified = new Set<ContentHash>()

  const check = (hash: ContentHash, bytes: Uint8Array, path: string) => {
    if (verified.has(hash)) return
    if (hashOf(bytes) !== hash)
      throw failure('content-changed', `${path} no longer holds the bytes of ${hash}: adopt its folder again, or restore the file`)
    verified.add(hash)
  }
  const load = async (path: string) => {
    try {
      return await readFile(path)
    } catch (error) {
      throw failure('content-changed', `${path} cannot be read: ${reason(error)}`, error)
    }
  }

  const allowed = async (path: string): Promise<string> => {
    try {
      // Links are followed before the check, so that a link cannot lead out of an allowed folder.
      const real = await realpath(path)
      const roots = await Promise.all(adoptable.map((root) => realpath(root)))
      if (roots.some((root) => real === root || real.startsWith(root.endsWith(sep) ? root : root + sep))) return real
    } catch (error) {
      throw failure('not-found', `${path}: ${reason(error)}`, error)
    }
    throw failure(
      'permission-denied',
      `${path} lies outside the folders that may be adopted (${adoptable.join(', ') || 'none'}): start the node with --adopt FOLDER`,
    )
  }

  return {
    async read(hash) {
      const own = fileOf(hash)
      if (existsSync(own)) {
        const bytes = await load(own)
        check(hash, bytes, own)
        return bytes
      }
      const note = adopted(hash)
      if (note === undefined) return undefined
      const now = await stat(note.path).catch(() => undefined)
      const bytes = await load(note.path)
      if (now?.size !== note.bytes || now.mtimeMs !== note.mtimeMs) verified.delete(hash)
      check(hash, bytes, note.path)
      return bytes
    },
    has: (hash) => existsSync(fileOf(hash)) || adopted(hash) !== undefined,
    file: async (hash) => {
      // An adopted file may change between this answer and its use, so only our own files are given out.
      const own = fileOf(hash)
      if (!existsSync(own)) return undefined
      if (!verified.has(hash)) check(hash, await load(own), own)
      return own
    },
    async put(bytes) {
      const hash = hashOf(bytes)
      const path = fileOf(hash)
      if (existsSync(path)) return hash
      const temporary = join(folder, `${randomUUID()}.part`)
      try {
        await mkdir(dirname(path), { recursive: true })
        const handle = await open(temporary, 'wx')
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(temporary, path)
        await syncFolder(dirname(path))
        await syncFolder(folder)
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined)
        throw failure('storage-failed', `content of ${bytes.byteLength} bytes could not be kept in ${folder}: ${reason(error)}`, error)
      }
      verified.add(hash)
      return hash
    },
    async adopt(path) {
      const real = await allowed(path)
      const before = await stat(real)
      if (!before.isFile()) throw failure('invalid-argument', `${path} is not a file`)
      const bytes = await load(real)
      const hash = hashOf(bytes)
      const note: Adopted = { path: real, bytes: bytes.byteLength, mtimeMs: before.mtimeMs }
      try {
        await store.commit([{ key: noteKey(hash), value: Buffer.from(JSON.stringify(note)) }])
      } catch (error) {
        if (isActiveStorageError(error)) throw error
        throw failure('storage-failed', reason(error), error)
      }
      verified.add(hash)
      return { hash, bytes: bytes.byteLength }
    },
  }
}
