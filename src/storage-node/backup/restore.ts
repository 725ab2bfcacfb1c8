import { existsSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { failure } from '../../core/errors.ts'
import { lockFolder } from '../folder-lock.ts'
import { makeFolder, syncFolder, writeFailure } from '../store/disk.ts'
import { type Counts, type Verified, verifyStore } from '../verify/verify.ts'
import { copyDurably, copyFolder } from './copy.ts'
import { isUnfinished, nameOfBackup } from './manifest.ts'
import { DECIDED, finishRestore } from './pending-restore.ts'

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

/** The copy of a backup in a data folder until it has been verified. */
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
  if (await isUnfinished(from))
    throw failure('invalid-argument', `${from} is what is left of a backup that was interrupted: use one that is complete`)
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
      await finishRestore(data)
      // One change of a name decides: a process that is killed before it leaves the old state, one after it the new one.
      await rename(staged, join(data, DECIDED))
      await syncFolder(data)
      await finishRestore(data)
    }
    return { ...verified, inPlace }
  } catch (error) {
    throw writeFailure(`${from} could not be restored to ${data}`, error)
  } finally {
    await rm(staged, { recursive: true, force: true }).catch(() => undefined)
    unlock()
  }
}
