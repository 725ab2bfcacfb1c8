import { readFileSync, realpathSync } from 'node:fs'

const MADV_DONTNEED = 4

/** Where a file is mapped in this process, whole or in part: address and length. */
const rangesOf = (path: string): readonly (readonly [address: bigint, length: bigint])[] =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(` ${path}`))
    // Private pages, or those that the process may write to, could hold what the file does not have.
    .filter((line) => line.split(' ')[1] === 'r--s')
    .map((line) => {
      const [from = '', to = ''] = line.slice(0, line.indexOf(' ')).split('-')
      const address = BigInt(`0x${from}`)
      return [address, BigInt(`0x${to}`) - address]
    })

/**
 * Makes a function that lets go of the pages of a file that this process has mapped to read it. What was read stays in the
 * system's page cache and is mapped again at the next read: for a reader nothing changes, not even one that reads now.
 *
 * LMDB never writes through its map (the store opens it without `useWritemap`), and lmdb-js leaves old maps in place when
 * the file grows, so that a range found here is still that file's when it is named. On other systems than Linux it does
 * nothing.
 */
export const pageReleaser = async (path: string): Promise<() => void> => {
  if (process.platform !== 'linux') return () => undefined
  const { default: koffi } = await import('koffi')
  const madvise: unknown = koffi.load('libc.so.6').func('int madvise(uint64_t address, uint64_t length, int advice)')
  if (typeof madvise !== 'function') return () => undefined
  const real = realpathSync(path)
  return () => {
    for (const [address, length] of rangesOf(real)) madvise(address, length, MADV_DONTNEED)
  }
}
