import { constants, copyFile, link, open, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeFolder, syncFolder } from '../store/disk.ts'

/** What says that a file cannot be linked where a copy can still be made. */
const noLinks: ReadonlySet<unknown> = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Copies a file, so that the copy outlives a loss of power; its folder is the caller's to sync. */
export const copyDurably = async (from: string, to: string): Promise<void> => {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  const handle = await open(to, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A second name for a file that never changes and is on disk already, or a copy where the disk is another. @returns whether it was copied */
export const linkOrCopy = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to)
    return false
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !noLinks.has(error.code)) throw error
  }
  await copyDurably(from, to)
  return true
}

/** Copies all files below a folder, so that they outlive a loss of power. */
export const copyFolder = async (from: string, to: string, onFile: (bytes: number) => void): Promise<void> => {
  await makeFolder(to)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyFolder(source, target, onFile)
    else if (entry.isFile()) {
      await copyDurably(source, target)
      onFile(1)
    }
  }
  await syncFolder(to)
  await syncFolder(dirname(to))
}
