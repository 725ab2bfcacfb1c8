import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { failure } from '../../core/errors.ts'
import { nextSlice, sliceIsOver, sortSliced } from '../../core/slices.ts'
import { isHidden, nameOf } from './names.ts'
import type { SkipReason } from './report.ts'

/** A file below a folder: its path there, with "/", and where it can be read. */
export interface WalkedFile {
  readonly id: string
  readonly path: string
}
export interface WalkOptions {
  /** Whether a link may be followed to where it leads. Default: always. */
  readonly allowed?: (real: string) => Promise<boolean>
  /** What lies in a folder. Default: `readdir`. */
  readonly list?: (path: string) => Promise<readonly Dirent<Buffer>[]>
  readonly skip: (reason: SkipReason, id: string) => void
  readonly signal?: AbortSignal
}

/** Linked folders may lead to one another: so many are followed, and so many within one another. */
const MOST_LINKS = 10_000
const MOST_DEPTH = 64

const said = (error: unknown) => (error instanceof Error ? error.message : String(error))

const entriesOf = async (path: string): Promise<readonly Dirent<Buffer>[]> => {
  try {
    return await readdir(path, { withFileTypes: true, encoding: 'buffer' })
  } catch (error) {
    throw failure('not-found', `the folder ${path} cannot be read: ${said(error)}`, error)
  }
}

/**
 * The files below a folder, in the order of their paths. Hidden ones are left out; links to files and folders are followed
 * where they may be, but never to a folder that the link lies in.
 * @throws `not-found` where the folder cannot be read; `bad-sample` for a name that is no UTF-8
 */
export const walkFolder = async (root: string, { allowed, list = entriesOf, skip, signal }: WalkOptions): Promise<WalkedFile[]> => {
  const found: WalkedFile[] = []
  let links = 0
  const follow = async (path: string, id: string, above: readonly string[]): Promise<void> => {
    const real = await realpath(path).catch(() => undefined)
    const info = real === undefined ? undefined : await stat(real).catch(() => undefined)
    if (real === undefined || info === undefined) return skip('link-broken', id)
    if (allowed !== undefined && !(await allowed(real))) return skip('link-outside', id)
    if (info.isFile()) return void found.push({ id, path: real })
    if (!info.isDirectory()) return skip('not-a-file', id)
    const inside = await Promise.all(above.map((folder) => realpath(folder).catch(() => folder)))
    if (inside.includes(real)) return skip('link-loop', id)
    if (++links > MOST_LINKS) throw failure('too-large', `${root} holds more than ${MOST_LINKS} links to folders: put the folders there`)
    await visit(real, `${id}/`, [...above, real])
  }
  const visit = async (path: string, prefix: string, above: readonly string[]): Promise<void> => {
    if (signal?.aborted === true) throw signal.reason
    if (above.length > MOST_DEPTH) throw failure('too-large', `${prefix} lies in more than ${MOST_DEPTH} folders: move it up`)
    for (const entry of await list(path)) {
      const { name, escaped } = nameOf(entry.name)
      if (sliceIsOver()) await nextSlice()
      const id = prefix + name
      if (isHidden(name)) {
        skip('hidden', entry.isDirectory() ? `${id}/` : id)
        continue
      }
      if (escaped)
        throw failure(
          'bad-sample',
          `${join(root, id)}: the bytes of this name are no UTF-8 (written as %XX here): rename it (convmv -f latin1 -t utf8)`,
        )
      const at = join(path, name)
      if (entry.isDirectory()) await visit(at, `${id}/`, [...above, at])
      else if (entry.isSymbolicLink()) await follow(at, id, above)
      else if (entry.isFile()) found.push({ id, path: at })
      else skip('not-a-file', id)
    }
  }
  await visit(root, '', [root])
  return sortSliced(found, (a, b) => (a.id < b.id ? -1 : 1), signal)
}
