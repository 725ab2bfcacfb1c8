import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { abortedBy, failure, failureWith, isActiveStorageError } from '../../core/errors.ts'
import type { ContentHash } from '../../core/ids.ts'
import type { BackupProgress } from '../../core/self.ts'
import { makeFolder, syncFolder, writeFailure } from '../store/disk.ts'
import type { LmdbStore } from '../store/lmdb-store.ts'
import { linkOrCopy } from './copy.ts'
import type { KeptContent } from './kept-content.ts'
import { isUnfinished, markFinished, markUnfinished, writeManifest } from './manifest.ts'

export interface BackupsOptions {
  readonly site: string
  readonly store: Pick<LmdbStore, 'backup'>
  /** Where the content lies, as files by hash. */
  readonly folder: string
  readonly content: KeptContent
  /** Folders below which the operator lets callers have backups written. */
  readonly allowed: readonly string[]
}

/** Writes a backup to a folder of this machine, which is there only when it is whole. */
export type Backup = (to: string, signal: AbortSignal) => AsyncGenerator<BackupProgress>

const PAGE = 1000
/** Ends the name of a backup that is being written; a random text follows, so that it is nobody else's folder. */
const PARTIAL = '.partial-'
/** Files that are linked or copied side by side. */
const TOGETHER = 8

/** Removes what backups to the same folder left that were killed. */
const removeLeftovers = async (to: string): Promise<void> => {
  for (const name of await readdir(dirname(to))) {
    const left = join(dirname(to), name)
    // A finished backup may have such a name as well: only what says that it is unfinished goes.
    if (name.startsWith(`${basename(to)}${PARTIAL}`) && (await isUnfinished(left))) await rm(left, { recursive: true, force: true })
  }
}

/**
 * Copies the store as it is at one moment, and then all content: what the copy refers to was there at that moment, and
 * nothing is removed meanwhile. So there may be more content than is referred to, never less.
 */
export const createBackups = ({ site, store, folder, content, allowed }: BackupsOptions): Backup => {
  let busy = false

  const isBelow = (path: string, roots: readonly string[]) =>
    roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep))
  /** The target, if it may be written. Links are followed, so that none can lead out of an allowed folder. */
  const checked = async (to: string): Promise<string> => {
    const denied = failure(
      'permission-denied',
      `${to} lies outside the folders below which backups may be written (${allowed.join(', ') || 'none'}): start the node with --backups FOLDER`,
    )
    if (!isAbsolute(to)) throw failure('invalid-argument', `${to} is not an absolute path: say where on the node the backup goes`)
    const path = resolve(to)
    const roots = allowed.map((root) => resolve(root))
    const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)))
    // By its name first: whether there is anything at a path outside is nobody's business.
    if (!isBelow(dirname(path), [...roots, ...realRoots])) throw denied
    const parent = await realpath(dirname(path)).catch((error: unknown) => {
      throw failure('not-found', `${dirname(path)} is not there: make the folder in which the backup is to be`, error)
    })
    if (!isBelow(parent, realRoots)) throw denied
    if (existsSync(path)) throw failure('already-exists', `${path} is there: give the backup a folder of its own`)
    // By the folder without links: one that is exchanged from now on leads nowhere else.
    return join(parent, basename(path))
  }

  const copyContent = async function* (to: string, signal: AbortSignal): AsyncGenerator<BackupProgress> {
    const made = new Set<string>()
    const soFar = { contents: 0, bytes: 0, copied: 0 }
    for (let after: ContentHash | undefined; ;) {
      const page = await content.content.list({ ...(after !== undefined && { after }), limit: PAGE })
      for (const shard of new Set(page.map(({ hash }) => hash.slice(0, 2)))) {
        if (!made.has(shard)) await makeFolder(join(to, shard))
        made.add(shard)
      }
      const left = [...page]
      const work = async () => {
        for (let next = left.pop(); next !== undefined; next = left.pop()) {
          if (signal.aborted) throw abortedBy(signal)
          const name = join(next.hash.slice(0, 2), next.hash.slice(2))
          if (await linkOrCopy(join(folder, name), join(to, name))) soFar.copied++
          soFar.contents++
          soFar.bytes += next.bytes
        }
      }
      // All of them, so that none is writing any more when what is there is removed.
      const ended = await Promise.allSettled(Array.from({ length: TOGETHER }, work))
      for (const one of ended) if (one.status === 'rejected') throw one.reason
      yield { ...soFar, complete: false }
      after = page.at(-1)?.hash
      if (page.length < PAGE) break
    }
    for (const shard of made) await syncFolder(join(to, shard))
    await syncFolder(to)
  }

  const write = async function* (to: string, partial: string, signal: AbortSignal): AsyncGenerator<BackupProgress> {
    const at = new Date().toISOString()
    await removeLeftovers(to)
    await makeFolder(partial)
    await markUnfinished(partial)
    await makeFolder(join(partial, 'content'))
    await store.backup(join(partial, 'store'))
    let last: BackupProgress = { contents: 0, bytes: 0, copied: 0, complete: false }
    for await (last of copyContent(join(partial, 'content'), signal)) yield last
    await writeManifest(partial, { name: site, at })
    await markFinished(partial)
    await syncFolder(partial)
    await rename(partial, to)
    await syncFolder(dirname(to))
    yield { ...last, complete: true }
  }

  return async function* (to, signal) {
    const path = await checked(to)
    if (busy)
      throw failureWith('overloaded', 'another backup is being written: one at a time, so wait until that is done', { retryAfterMs: 5000 })
    busy = true
    const partial = `${path}${PARTIAL}${randomBytes(6).toString('hex')}`
    const letGo = await content.keep()
    let whole = false
    try {
      for await (const progress of write(path, partial, signal)) {
        whole = progress.complete
        yield progress
      }
    } catch (error) {
      throw isActiveStorageError(error) ? error : writeFailure(`the backup to ${path} failed`, error)
    } finally {
      letGo()
      busy = false
      // Whoever gives up half-way has not got anything.
      if (!whole) await rm(partial, { recursive: true, force: true }).catch(() => undefined)
    }
  }
}
