import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = Buffer.alloc(4096, 1)

/** Pages that the disk below a folder takes one after the other, each synced, a second: what a durable call cannot go without. */
export const diskSyncs = (folder: string, ms: number): number => {
  const file = join(folder, 'bench-syncs')
  const fd = openSync(file, 'w')
  try {
    const began = performance.now()
    let made = 0
    for (; performance.now() - began < ms; made++) {
      writeSync(fd, PAGE, 0, PAGE.length, 0)
      fdatasyncSync(fd)
    }
    return (made * 1000) / (performance.now() - began)
  } finally {
    closeSync(fd)
    rmSync(file)
  }
}
