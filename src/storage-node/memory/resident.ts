import { openSync, readSync } from 'node:fs'

/** Memory of this process that is in RAM, in bytes. */
export interface Resident {
  readonly total: number
  /** The part of it that is pages of files: of the store, and of programs and libraries. */
  readonly mapped: number
}

const PAGE = 4096

/** A file of the kernel's that is opened once: reading it takes a few microseconds, opening it as many again. */
const reader = (path: string): (() => string) => {
  const fd = openSync(path, 'r')
  const into = Buffer.alloc(256)
  return () => into.toString('latin1', 0, readSync(fd, into, 0, into.length, 0))
}

let statm: (() => string) | undefined

/** Where there is no /proc, nothing is known of mapped pages. */
export const resident = (): Resident => {
  try {
    statm ??= reader('/proc/self/statm')
    const [, total, shared] = statm().split(' ')
    return { total: Number(total) * PAGE, mapped: Number(shared) * PAGE }
  } catch {
    return { total: process.memoryUsage.rss(), mapped: 0 }
  }
}
