import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type ActiveStorageError, failure, isActiveStorageError } from '../../core/errors.ts'

/** What says that a disk takes no writes: the name that Node gives to it, the text that LMDB does, and what helps. */
const noWrites = [
  ['ENOSPC', 'No space left on device', 'make space on its disk'],
  ['EDQUOT', 'Disk quota exceeded', 'make space within the quota'],
  ['EFBIG', 'File too large', 'lift the limit on the size of files'],
  ['EROFS', 'Read-only file system', 'mount it for writing'],
  ['EPERM', 'Operation not permitted', 'let the node write there'],
  ['EACCES', 'Permission denied', 'let the node write there'],
] as const

/** A failed write as an error of ours: `read-only` where the disk takes none now, else `storage-failed`. */
export const writeFailure = (what: string, error: unknown): ActiveStorageError => {
  if (isActiveStorageError(error)) return error
  const reason = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const found = noWrites.find(([name, text]) => code === name || reason.startsWith(text))
  if (found === undefined) return failure('storage-failed', `${what}: ${reason}`, error)
  return failure('read-only', `${what}: ${reason}; ${found[2]}, the node then goes on by itself`, error)
}

/** Makes what was created, renamed or deleted in a folder outlive a loss of power. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a folder, with those above it, that outlives a loss of power. */
export const makeFolder = async (folder: string): Promise<void> => {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
}
