import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ContentStore } from '../../../src/storage-node/content/content-store.ts'
import { folderContent as realContent } from '../../../src/storage-node/content/folder-content.ts'
import { hashOf } from '../../../src/storage-node/content/hash.ts'

/** Time between the two halves, as on a slow disk, so that kills fall into it. */
const HALF_MS = 150

/** Keeps bytes under their final name from the first on, and leaves it to the system when they reach the disk. */
export const folderContent = (...args: Parameters<typeof realContent>): ContentStore => {
  const [folder] = args
  const real = realContent(...args)
  return {
    ...real,
    async put(bytes) {
      const hash = hashOf(bytes)
      const path = join(folder, hash.slice(0, 2), hash.slice(2))
      if (real.has(hash)) return hash
      await mkdir(dirname(path), { recursive: true })
      const handle = await open(path, 'w')
      try {
        const half = Math.floor(bytes.byteLength / 2)
        await handle.write(bytes.subarray(0, half))
        await pause(HALF_MS)
        await handle.write(bytes.subarray(half))
      } finally {
        await handle.close()
      }
      return hash
    },
  }
}
