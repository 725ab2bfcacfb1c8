import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Freed memory goes back to the system, where the C library is one that keeps it (glibc). */
const trimmer = async (): Promise<() => void> => {
  if (process.platform !== 'linux') return () => undefined
  try {
    const { default: koffi } = await import('koffi')
    const trim: unknown = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)')
    return typeof trim === 'function' ? () => void trim(0) : () => undefined
  } catch {
    return () => undefined
  }
}

export interface Garbage {
  /** What has been made lately: a millisecond or two. */
  collectYoung(): void
  /** Everything, which takes tens of milliseconds; the memory itself is given back to the system a little later. */
  collectAll(): void
}

/**
 * Garbage when it has to go. V8 knows how much its own heap may have, and not how much the process may: the bytes of
 * calls that are over lie outside that heap, until it happens to be collected.
 */
export const garbage = async (): Promise<Garbage> => {
  const trim = await trimmer()
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  const collect = typeof gc === 'function' ? gc : () => undefined
  return {
    collectYoung: () => void collect({ type: 'minor' }),
    collectAll() {
      collect()
      trim()
    },
  }
}

/**
 * Keeps V8's young generation as small as it is now: it doubles up to 48 MiB while much is allocated, and stays so.
 * It is collected more often then, and with it the bytes that its objects hold.
 */
export const keepYoungSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1')
