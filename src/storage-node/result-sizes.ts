/** What results of methods have lately been large, so that room is taken before the next is made. */
export interface ResultSizes {
  /** Bytes that a result of this method may have; 0 for a small one, and for a method of which nothing is known. */
  expected(method: string): number
  made(method: string, bytes: number): void
}

/** Results up to this many bytes are not worth a thought. */
const SMALL = 64 * 1024
/** What was made this long ago counts half. */
const HALF_LIFE_MS = 10_000

/** @param now milliseconds */
export const createResultSizes = (now: () => number = () => performance.now()): ResultSizes => {
  const largest = new Map<string, { readonly bytes: number; readonly at: number }>()
  const expected = (method: string): number => {
    const found = largest.get(method)
    if (found === undefined) return 0
    const bytes = Math.floor(found.bytes * 2 ** ((found.at - now()) / HALF_LIFE_MS))
    return bytes > SMALL ? bytes : 0
  }
  return {
    expected,
    made(method, bytes) {
      if (bytes > SMALL && bytes >= expected(method)) largest.set(method, { bytes, at: now() })
    },
  }
}
