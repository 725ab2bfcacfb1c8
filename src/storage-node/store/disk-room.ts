import { writeSync } from 'node:fs'
import { open } from 'node:fs/promises'

const PAGE = 4096
const CHUNK = Buffer.alloc(1024 ** 2)
/** What a file grows by beyond the need: rarely, and yet by so little that the next sync is not felt. */
const STEP = { least: 1024 ** 2, most: 4 * 1024 ** 2 }

/** Space on the disk that a file has before it is needed. */
export interface DiskRoom {
  /** Resolves when the file holds `bytes` on the disk and takes writes now; else it is as large as before. @throws the file system's error */
  ensure(bytes: number): Promise<void>
  close(): Promise<void>
}

/**
 * Writes zeros to the end of a file ahead of its use. LMDB must not meet a full or read-only disk: a write of a page that
 * fails there overruns a buffer of its message (mdb_page_flush), which can end the process. Here it is an error like any.
 */
export const diskRoom = async (path: string): Promise<DiskRoom> => {
  const handle = await open(path, 'r+')
  let size = 0
  const grow = async (bytes: number) => {
    const { size: before } = await handle.stat()
    let at = before
    const step = Math.min(Math.max(before / 8, STEP.least), STEP.most)
    const goal = Math.ceil((bytes + step) / PAGE) * PAGE
    try {
      while (at < goal) at += (await handle.write(CHUNK, 0, Math.min(CHUNK.length, goal - at), at)).bytesWritten
    } catch (error) {
      if (at < bytes + PAGE) {
        // What the disk still had is given back, for others.
        await handle.truncate(before).catch(() => undefined)
        throw error
      }
    }
    size = Math.floor(at / PAGE) * PAGE
  }
  return {
    async ensure(bytes) {
      if (size < bytes + PAGE) await grow(bytes)
      // The last page is never LMDB's: a write there finds out whether the disk takes any. One byte into a page that the
      // system holds takes some 5 µs; by way of a thread it took a fifth of a whole commit.
      writeSync(handle.fd, CHUNK, 0, 1, size - 1)
    },
    close: () => handle.close(),
  }
}
