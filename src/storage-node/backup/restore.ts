import { existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { failure } from '../../core/errors.ts'
import { lockFolder } from '../folder-lock.ts'
import { makeFolder, syncFolder, writeFailure } from '../store/disk.ts'
import { type Counts, type Verified, verifyStore } from '../verify/verify.ts'
import { copyDurably, copyFolder } from './copy.ts'
import { nameOfBackup } from './manifest.ts'

export interface RestoreOptions {
  readonly from: string
  readonly data: string
  /** Puts it in the place of what is in the folder. */
  readonly force?: boolean
  /** Puts it in place although the verification finds problems. */
  readonly damaged?: boolean
  /** The site's name. Default: the backup's. */
  readonly name?: string
  readonly onProgress?: (soFar: { readonly files: number } | Readonly<Counts>) => void
}

export interface Restored extends Verified {
  /** False where problems were found: the folder is then as it was before. */
  readonly inPlace: boolean
}

/** What lies in a data folder while it is restored. */
const STAGED = 'restoring'
const LOCK = 'node.lock'

/**
 * Copies a backup to a data folder, verifies the copy, and puts it in place.
 * @throws ActiveStorageError `not-found`, `already-exists`, `folder-in-use`, `read-only`, `storage-failed`
 */
export const restoreBackup = async ({ from, data, force = false, damaged = false, ...options }: RestoreOptions): Promise<Restored> => {
  const file = join(from, 'store', 'data.mdb')
  if (!existsSync(file))
    throw failure('not-found', `${from} holds no backup (there is no ${file}): give the folder that a backup was written to`)
  if (resolve(from).endsWith('.partial'))
    throw failure('invalid-argument', `${from} is what is left of a backup that did not come to its end: use one that did`)
  const held = async () => {
    if (!existsSync(data)) return []
    try {
      return (await readdir(data)).filter((name) => name !== LOCK && name !== STAGED)
    } catch (error) {
      throw writeFailure(`${data} cannot be used`, error)
    }
  }
  if (!force && (await held()).length > 0)
    throw failure('already-exists', `${data} is not empty: give another folder, or replace what is there with --force`)

  const unlock = await lockFolder(data)
  const staged = join(data, STAGED)
  try {
    let files = 0
    const onFile = (count: number) => options.onProgress?.({ files: (files += count) })
    await rm(staged, { recursive: true, force: true })
    await makeFolder(join(staged, 'store'))
    await makeFolder(join(staged, 'content'))
    // Copies, not links: the backup stays as it is, whatever happens here.
    await copyDurably(file, join(staged, 'store', 'data.mdb'))
    await syncFolder(join(staged, 'store'))
    if (existsSync(join(from, 'content'))) await copyFolder(join(from, 'content'), join(staged, 'content'), onFile)

    const name = options.name ?? (await nameOfBackup(from))
    const verified = await verifyStore(staged, {
      ...(name !== undefined && { name }),
      ...(options.onProgress !== undefined && { onProgress: options.onProgress }),
    })
    const inPlace = verified.problems.length === 0 || damaged
    if (inPlace) {
      // The store last: without it the folder is no data folder, and with it a whole one.
      for (const part of ['store', 'content']) await rm(join(data, part), { recursive: true, force: true })
      for (const part of ['content', 'store']) await rename(join(staged, part), join(data, part))
      await syncFolder(data)
    }
    return { ...verified, inPlace }
  } catch (error) {
    throw writeFailure(`${from} could not be restored to ${data}`, error)
  } finally {
    await rm(staged, { recursive: true, force: true }).catch(() => undefined)
    unlock()
  }
}
