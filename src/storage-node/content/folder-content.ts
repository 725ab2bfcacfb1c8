import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { abortedBy, failure, toFailure } from '../../core/errors.ts'
import type { ContentHash } from '../../core/ids.ts'
import type { AdoptableFile } from '../../core/self.ts'
import { eachSliced } from '../../core/slices.ts'
import { keyOf, type Store } from '../store/store.ts'
import { adoptableOf, type AllowedFile, allowedFiles, isSame, withFile, writtenTo } from './allowed-files.ts'
import type { ContentStore } from './content-store.ts'
import { hashOf, hashSliced } from './hash.ts'
import { checked, hashedFiles, readFailure } from './hashed-files.ts'
import { partsRead, readPart } from './parts.ts'

/** What is known of an adopted file: while size and time are unchanged its hash is taken as read. */
interface Adopted {
  readonly path: string
  readonly bytes: number
  readonly mtimeMs: number
  /** Where the file holds more than this content: where it begins, and the size of the whole file. */
  readonly part?: { readonly offset: number; readonly of: number }
}

/** The bytes of a file that is one content. @throws `content-changed` */
const wholeFile = async (handle: FileHandle, { path, bytes }: Adopted, { size }: Stats): Promise<Uint8Array> => {
  if (size === bytes) return handle.readFile()
  throw failure('content-changed', `${path} has ${size} bytes where ${bytes} were adopted: adopt its folder again, or restore the file`)
}

const isAdopted = (value: unknown): value is Adopted =>
  typeof value === 'object' && value !== null && 'path' in value && 'bytes' in value && 'mtimeMs' in value

/** A file system's clock ticks at least so often. */
const TICK_MS = 50

/**
 * Content in files named by their hash under `folder`, and files adopted where they lie, noted in the store.
 * @param adoptable folders, below which the operator lets callers adopt files
 * @param now ms since 1970
 */
export const folderContent = (folder: string, store: Store, adoptable: readonly string[], now: () => number = Date.now): ContentStore => {
  const own = hashedFiles(folder)
  const noteKey = (hash: ContentHash) => keyOf('adopted', hash)
  const adopted = (hash: ContentHash): Adopted | undefined => {
    const note = store.get(noteKey(hash))
    const value: unknown = note === undefined ? undefined : JSON.parse(note.toString('utf8'))
    return isAdopted(value) ? value : undefined
  }
  // An adopted file is hashed once a process, and again when its status changes: the ctime of the bytes that were hashed.
  const verified = new Map<ContentHash, number>()
  const remember = (hash: ContentHash, { ctimeMs }: Stats) => {
    // The clock of a file system ticks every few ms: a later write within this tick would leave no trace.
    if (Math.abs(now() - ctimeMs) > TICK_MS) verified.set(hash, ctimeMs)
    else verified.delete(hash)
  }

  const files = allowedFiles(adoptable)
  /** The files that are open, by what readers of formats have of them. */
  const opened = new WeakMap<AdoptableFile, AllowedFile>()
  /** A file that is open already, or one that is opened for as long as `work` takes. */
  const withAllowed = async <T>(file: string | AdoptableFile, work: (allowed: AllowedFile) => Promise<T>): Promise<T> => {
    const path = typeof file === 'string' ? file : file.path
    const checkKind = (allowed: AllowedFile) => {
      if (!allowed.before.isFile()) throw failure('invalid-argument', `${path} is not a file`)
      return work(allowed).catch((error: unknown) => {
        throw readFailure(path, error)
      })
    }
    if (typeof file === 'string') return files.withOpen(file, async (allowed) => checkKind(allowed))
    const known = opened.get(file)
    if (known === undefined) throw failure('invalid-argument', `${path} is no longer open: use it within withAdoptable`)
    return checkKind(known)
  }
  const note = async (notes: readonly { readonly hash: ContentHash; readonly adopted: Adopted }[]) => {
    try {
      await store.commit(notes.map(({ hash, adopted: value }) => ({ key: noteKey(hash), value: Buffer.from(JSON.stringify(value)) })))
    } catch (error) {
      throw toFailure(error, 'storage-failed')
    }
  }

  return {
    ...own,
    async read(hash, options) {
      const bytes = await own.read(hash, options)
      if (bytes !== undefined) return bytes
      const known = adopted(hash)
      if (known === undefined) return undefined
      const { path, part } = known
      return withFile(path, async (handle) => {
        const before = await handle.stat()
        const there =
          part === undefined
            ? await wholeFile(handle, known, before)
            : await readPart(handle, path, { offset: part.offset, bytes: known.bytes })
        const whole = isSame(before, await handle.stat())
        if (whole && options?.afresh !== true && verified.get(hash) === before.ctimeMs) return there
        verified.delete(hash)
        await checked(hash, there, path)
        if (whole) remember(hash, before)
        return there
      })
    },
    has: (hash) => own.has(hash) || adopted(hash) !== undefined,
    adoptable: async (path) => void (await files.check(path)),
    withAdoptable: (path, work) =>
      files.withOpen(path, async (allowed) => {
        const file = adoptableOf(path, allowed)
        opened.set(file, allowed)
        try {
          return await work(file)
        } finally {
          opened.delete(file)
        }
      }),
    // `file` stays `own.file`: an adopted file may change between the answer and its use.
    adopt: (path, known) =>
      withAllowed(path, async ({ handle, real, before }) => {
        const bytes = await handle.readFile()
        if (!isSame(before, await handle.stat())) throw writtenTo(path)
        const hash = await hashSliced(bytes)
        known?.(hash)
        await note([{ hash, adopted: { path: real, bytes: bytes.byteLength, mtimeMs: before.mtimeMs } }])
        remember(hash, before)
        return { hash, bytes: bytes.byteLength }
      }),
    adoptParts: (file, parts, signal, known) =>
      withAllowed(file, async ({ handle, real, before }) => {
        const hashes: ContentHash[] = []
        for await (const group of partsRead(handle, real, before.size, parts)) {
          if (signal.aborted) throw abortedBy(signal)
          const notes = group.map(({ offset, bytes }) => {
            const hash = hashOf(bytes)
            hashes.push(hash)
            const adopted: Adopted = { path: real, bytes: bytes.byteLength, mtimeMs: before.mtimeMs, part: { offset, of: before.size } }
            return { hash, adopted }
          })
          for (const { hash } of notes) known?.(hash)
          await note(notes)
        }
        await eachSliced(hashes, (hash) => remember(hash, before))
        return hashes
      }),
  }
}
