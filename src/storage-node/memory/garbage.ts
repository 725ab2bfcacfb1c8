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

/**
 * Makes a function that has all garbage collected now. V8 knows how much its heap has, and not how much the process may
 * have: buffers of calls that are over can lie there for long.
 */
export const garbageCollector = async (): Promise<() => void> => {
  const trim = await trimmer()
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  return () => {
    if (typeof collect === 'function') collect()
    trim()
  }
}
