import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type ActiveStorageError, failure, isActiveStorageError } from '../../core/errors.ts'

/** What says that a disk takes no writes: Node names an error, LMDB gives its number on Linux. */
const noWrites: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ...['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EPERM', 'EACCES'].map((name) => [name, name] as const),
  ...([[28, 'ENOSPC'], [122, 'EDQUOT'], [27, 'EFBIG'], [30, 'EROFS'], [1, 'EPERM'], [13, 'EACCES']] as const), // prettier-ignore
])
const remedies: Readonly<Record<string, string>> = {
  EROFS: 'mount it for writing',
  EPERM: 'let the node write there',
  EACCES: 'let the node write there',
}

/** A failed write as an error of ours: `read-only` where the disk takes none now, else `storage-failed`. */
export const writeFailure = (what: string, error: unknown): ActiveStorageError => {
  if (isActiveStorageError(error)) return error
  const reason = error instanceof Error ? error.message : String(error)
  const name = error instanceof Error && 'code' in error ? noWrites.get(error.code) : undefined
  if (name === undefined) return failure('storage-failed', `${what}: ${reason}`, error)
  return failure('read-only', `${what}: ${reason}; ${remedies[name] ?? 'make space on its disk'}, the node then goes on by itself`, error)
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
