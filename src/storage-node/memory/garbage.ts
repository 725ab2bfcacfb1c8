import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A function of the C library, where it is one that has it (glibc); else one that does nothing. */
const libc = async <Args extends readonly number[]>(declaration: string): Promise<(...args: Args) => void> => {
  if (process.platform !== 'linux') return () => undefined
  try {
    const { default: koffi } = await import('koffi')
    const found: unknown = koffi.load('libc.so.6').func(declaration)
    return typeof found === 'function' ? (...args) => void found(...args) : () => undefined
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
  const trim = await libc<[pad: number]>('int malloc_trim(size_t pad)')
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  setFlagsFromString('--no-expose-gc')
  const collect = typeof gc === 'function' ? gc : () => undefined
  return {
    collectYoung: () => void collect({ type: 'minor' }),
    collectAll() {
      collect()
      trim(0)
    },
  }
}

const M_MMAP_THRESHOLD = -3
/** Buffers of messages are larger. */
const OWN_PAGES = 32 * 1024

/**
 * Has the process keep less for later, at some cost in time. V8's young generation stays as small as it is now: it would
 * double up to 48 MiB while much is allocated, and stay so; and while it is small, the bytes that its objects hold are
 * collected sooner. Larger buffers get pages of their own, which are given back when the buffer goes.
 */
export const keepLittle = async (): Promise<void> => {
  setFlagsFromString('--semi-space-growth-factor=1')
  const mallopt = await libc<[option: number, value: number]>('int mallopt(int option, int value)')
  mallopt(M_MMAP_THRESHOLD, OWN_PAGES)
}
