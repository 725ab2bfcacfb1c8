import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { type ActiveStorageError, failure } from '../../core/errors.ts'
import { fileFailure } from '../../core/file-failure.ts'
import type { AdoptableFile } from '../../core/self.ts'
import { readFailure } from './hashed-files.ts'

/** An open file or folder below the allowed folders. */
export interface AllowedFile {
  readonly handle: FileHandle
  /** Its path without links. */
  readonly real: string
  /** As it was when it was opened. */
  readonly before: Stats
}

/** Access to the files of this machine that callers may name. */
export interface AllowedFiles {
  /** The path without links. @throws `permission-denied` outside the allowed folders; `not-found` */
  check(path: string): Promise<string>
  /**
   * Opens a file or folder for as long as `work` takes.
   * @throws as `check` does; `content-changed` where a file is written to meanwhile
   */
  withOpen<T>(path: string, work: (file: AllowedFile) => Promise<T>): Promise<T>
}

export const isSame = (a: Stats, b: Stats): boolean =>
  a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.dev === b.dev

export const writtenTo = (path: string, cause?: unknown): ActiveStorageError =>
  failure('content-changed', `${path} was written to while it was adopted: adopt it again when it is whole`, cause)

// Not blocking: a named pipe would hold the open until somebody writes to it.
const READ = constants.O_RDONLY | constants.O_NONBLOCK

/** Opens a file whose path has no links for as long as `work` takes. @throws `content-changed`, `storage-failed` */
export const withFile = async <T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T> => {
  const handle = await open(path, READ | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw readFailure(path, error)
  })
  try {
    return await work(handle)
  } catch (error) {
    throw readFailure(path, error)
  } finally {
    await handle.close()
  }
}

/** Process-wide shortage of descriptors says nothing of the file. */
const openFailure = (path: string, error: unknown): ActiveStorageError => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EMFILE' || code === 'ENFILE' ? readFailure(path, error) : fileFailure(path, error)
}

/** @param folders below which callers may have files read */
export const allowedFiles = (folders: readonly string[]): AllowedFiles => {
  const roots = folders.map((root) => resolve(root))
  const isBelow = (path: string, above: readonly string[]) =>
    above.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep))
  const check = async (path: string): Promise<string> => {
    const denied = failure(
      'permission-denied',
      `${path} lies outside the folders that may be adopted (${folders.join(', ') || 'none'}): start the node with --adopt FOLDER`,
    )
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
  /** Where an open file lies, as far as the system tells: a link may have been exchanged since its name was checked. */
  const placeOf = async (handle: FileHandle, named: string): Promise<string> => {
    if (process.platform === 'linux') return readlink(`/proc/self/fd/${handle.fd}`)
    const [opened, now] = await Promise.all([handle.stat(), stat(named)])
    if (opened.ino === now.ino && opened.dev === now.dev) return realpath(named)
    throw writtenTo(named)
  }
  return {
    check,
    async withOpen(path, work) {
      const named = await check(path)
      const handle = await open(named, READ).catch((error: unknown) => {
        throw openFailure(path, error)
      })
      try {
        const real = await placeOf(handle, named)
        if (real !== named) await check(real)
        const before = await handle.stat()
        const unchanged = async () => before.isDirectory() || isSame(before, await handle.stat())
        const made = await work({ handle, real, before }).catch(async (error: unknown) => {
          // What is wrong with a file that is being written says nothing of the whole file.
          throw (await unchanged()) ? error : writtenTo(path, error)
        })
        if (!(await unchanged())) throw writtenTo(path)
        return made
      } finally {
        await handle.close()
      }
    },
  }
}

/** An open file as readers of formats see it. */
export const adoptableOf = (path: string, { handle, real, before }: AllowedFile): AdoptableFile => {
  const reading = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw readFailure(path, error)
    })
  return {
    path,
    kind: before.isFile() ? 'file' : before.isDirectory() ? 'folder' : 'other',
    bytes: before.size,
    read: async (into, position) => (await reading(handle.read(into, 0, into.byteLength, position))).bytesRead,
    // By the descriptor where the system names it: the folder's own name may lead elsewhere by now.
    entries: () =>
      reading(readdir(process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : real, { withFileTypes: true, encoding: 'buffer' })),
  }
}
