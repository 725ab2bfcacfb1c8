/** Which calls have lately had large results, so that room is taken before the next is made. */
export interface ResultSizes {
  /**
   * Bytes that a result may have; 0 for a small one, and where nothing is known.
   * @param like a name that calls share whose results may be of one size
   */
  expected(like: string): number
  made(like: string, bytes: number): void
}

/** Results up to this many bytes are not worth a thought. */
const SMALL = 64 * 1024
/** What was made this long ago counts half. */
const HALF_LIFE_MS = 10_000

/** @param now milliseconds */
export const createResultSizes = (now: () => number = () => performance.now()): ResultSizes => {
  const largest = new Map<string, { readonly bytes: number; readonly at: number }>()
  const expected = (like: string): number => {
    const found = largest.get(like)
    if (found === undefined) return 0
    const bytes = Math.floor(found.bytes * 2 ** ((found.at - now()) / HALF_LIFE_MS))
    return bytes > SMALL ? bytes : 0
  }
  return {
    expected,
    made(like, bytes) {
      if (bytes > SMALL && bytes >= expected(like)) largest.set(like, { bytes, at: now() })
    },
  }
}
