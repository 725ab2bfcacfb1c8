import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import type { NodeName } from '../cluster.ts'

/** A disk in memory for one node's folder, which can be full at once. */
export interface SmallDisk {
  readonly node: NodeName
  /** Leaves so many bytes. */
  fill(bytes: number): void
  free(): void
  unmount(): void
}

/** Pages are taken as they are written. */
const SIZE = '3g'
const PAGE = 4096

/** @returns undefined where nothing can be mounted here */
export const mountDisk = (node: NodeName, folder: string): SmallDisk | undefined => {
  const mount = (options: string) => spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0
  if (!mount(`size=${SIZE}`)) return undefined
  const resize = (size: string) => mount(`remount,size=${size}`)
  return {
    node,
    fill(bytes) {
      const { blocks, bfree, bsize } = statfsSync(folder)
      // Refused where more is in use by then: then nothing changes.
      resize(`${Math.ceil(((blocks - bfree) * bsize + bytes) / PAGE) * PAGE}`)
    },
    free: () => void resize(SIZE),
    unmount: () => void spawnSync('umount', ['-l', folder]),
  }
}
