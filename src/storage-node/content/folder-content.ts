import { realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { abortedBy, failure, toFailure } from '../../core/errors.ts'
import type { ContentHash } from '../../core/ids.ts'
import { keyOf, type Store } from '../store/store.ts'
import type { ContentStore } from './content-store.ts'
import { hashOf } from './hash.ts'
import { checked, hashedFiles, load } from './hashed-files.ts'
import { loadPart, partsRead } from './parts.ts'

/** What is known of an adopted file: while size and time are unchanged its hash is taken as read. */
interface Adopted {
  readonly path: string
  readonly bytes: number
  readonly mtimeMs: number
  /** Where the file holds more than this content: where it begins, and the size of the whole file. */
  readonly part?: { readonly offset: number; readonly of: number }
}

const isAdopted = (value: unknown): value is Adopted =>
  typeof value === 'object' && value !== null && 'path' in value && 'bytes' in value && 'mtimeMs' in value

/**
 * Content in files named by their hash under `folder`, and files adopted where they lie, noted in the store.
 * @param adoptable folders, below which the operator lets callers adopt files
 */
export const folderContent = (folder: string, store: Store, adoptable: readonly string[]): ContentStore => {
  const own = hashedFiles(folder)
  const noteKey = (hash: ContentHash) => keyOf('adopted', hash)
  const adopted = (hash: ContentHash): Adopted | undefined => {
    const note = store.get(noteKey(hash))
    const value: unknown = note === undefined ? undefined : JSON.parse(note.toString('utf8'))
    return isAdopted(value) ? value : undefined
  }
  // An adopted file is hashed once a process, and again when its size or time is not what was noted.
  const verified = new Set<ContentHash>()

  const isBelow = (path: string, roots: readonly string[]) =>
    roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep))
  const allowed = async (path: string): Promise<string> => {
    const denied = failure(
      'permission-denied',
      `${path} lies outside the folders that may be adopted (${adoptable.join(', ') || 'none'}): start the node with --adopt FOLDER`,
    )
    const roots = adoptable.map((root) => resolve(root))
    const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)))
    // By its name first: whether there is anything at a path outside is nobody's business.
    if (!isBelow(resolve(path), [...roots, ...realRoots])) throw denied
    const real = await realpath(path).catch((error: unknown) => {
      throw failure('not-found', `${path}: ${error instanceof Error ? error.message : String(error)}`, error)
    })
    // Links have been followed, so that none can lead out of an allowed folder.
    if (!isBelow(real, realRoots)) throw denied
    return real
  }

  return {
    ...own,
    async read(hash, options) {
      const bytes = await own.read(hash, options)
      if (bytes !== undefined) return bytes
      const note = adopted(hash)
      if (note === undefined) return undefined
      const now = await stat(note.path).catch(() => undefined)
      const there =
        note.part === undefined ? await load(note.path) : await loadPart(note.path, { offset: note.part.offset, bytes: note.bytes })
      const size = note.part?.of ?? note.bytes
      if (options?.afresh === true || now?.size !== size || now.mtimeMs !== note.mtimeMs) verified.delete(hash)
      if (!verified.has(hash)) checked(hash, there, note.path)
      verified.add(hash)
      return there
    },
    has: (hash) => own.has(hash) || adopted(hash) !== undefined,
    adoptable: async (path) => void (await allowed(path)),
    // `file` stays `own.file`: an adopted file may change between the answer and its use.
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
        throw toFailure(error, 'storage-failed')
      }
      verified.add(hash)
      return { hash, bytes: bytes.byteLength }
    },
    async adoptParts(path, parts, signal) {
      const real = await allowed(path)
      const before = await stat(real)
      if (!before.isFile()) throw failure('invalid-argument', `${path} is not a file`)
      const hashes: ContentHash[] = []
      for await (const group of partsRead(real, before.size, parts)) {
        if (signal.aborted) throw abortedBy(signal)
        const notes = group.map(({ offset, bytes }) => {
          const hash = hashOf(bytes)
          hashes.push(hash)
          const note: Adopted = { path: real, bytes: bytes.byteLength, mtimeMs: before.mtimeMs, part: { offset, of: before.size } }
          return { key: noteKey(hash), value: Buffer.from(JSON.stringify(note)) }
        })
        try {
          await store.commit(notes)
        } catch (error) {
          throw toFailure(error, 'storage-failed')
        }
      }
      const after = await stat(real)
      if (after.mtimeMs !== before.mtimeMs || after.size !== before.size)
        throw failure('content-changed', `${path} was written to while it was adopted: adopt it again when it is whole`)
      for (const hash of hashes) verified.add(hash)
      return hashes
    },
  }
}
