import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeSync, ftruncateSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { failure } from '../core/errors.ts'

const LOCK_EX = 2
const LOCK_NB = 4

/** As `mkdir -p`. Node's own recursive mkdir never returns where the kernel refuses new folders as missing, as below /proc. */
const makeFolders = (folder: string): void => {
  if (existsSync(folder)) return
  const parent = dirname(folder)
  if (parent !== folder) makeFolders(parent)
  try {
    mkdirSync(folder)
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!existsSync(folder)) throw error
  }
}

/**
 * Takes the data folder for this process: flock on the folder itself, which nobody can remove while its content is used, and
 * on `node.lock`, which names the process and is what older versions lock. The kernel releases both when the process ends,
 * however it ends. LMDB itself would let two processes write one folder.
 * @returns releases the folder
 * @throws ActiveStorageError `folder-in-use`, `storage-failed`
 */
export const lockFolder = async (folder: string): Promise<() => void> => {
  const path = join(folder, 'node.lock')
  const opened = () => {
    try {
      makeFolders(resolve(folder))
      return [openSync(folder, 'r'), openSync(path, 'a+')] as const
    } catch (error) {
      throw failure(
        'storage-failed',
        `the data folder ${folder} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        error,
      )
    }
  }
  const [folderFd, fd] = opened()
  // Node has no flock. Loaded here, since only a storage node needs it.
  const { default: koffi } = await import('koffi')
  const flock: unknown = koffi
    .load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6')
    .func('int flock(int fd, int operation)')
  if (typeof flock !== 'function') throw failure('internal', 'flock is not there')
  const close = () => {
    closeSync(fd)
    closeSync(folderFd)
  }
  if (flock(folderFd, LOCK_EX | LOCK_NB) !== 0 || flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const holder = readFileSync(path, 'utf8').trim()
    close()
    throw failure(
      'folder-in-use',
      `${folder} is in use by another storage node${/^\d+$/.test(holder) ? ` (process ${holder})` : ''}: stop it, or give this one another --data folder`,
    )
  }
  ftruncateSync(fd, 0)
  writeSync(fd, `${process.pid}\n`)
  return close
}
