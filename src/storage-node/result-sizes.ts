/** A method of an object type. */
interface Method {
  readonly type: string
  readonly method: string
}

/** Which calls have lately had large results, so that room is taken before the next is made. */
export interface ResultSizes {
  /** Nothing large is known of any. */
  readonly empty: boolean
  /**
   * Bytes that a result may have; 0 for a small one, and where nothing is known.
   * @param argumentBytes results of calls with about as many are taken for alike
   */
  expected(method: Method, argumentBytes: number): number
  made(method: Method, argumentBytes: number, bytes: number): void
}

/** Results up to this many bytes are not worth a thought. */
const SMALL = 64 * 1024
/** What was made this long ago counts half. */
const HALF_LIFE_MS = 10_000

/** @param now milliseconds */
export const createResultSizes = (now: () => number = () => performance.now()): ResultSizes => {
  const largest = new Map<string, { readonly bytes: number; readonly at: number }>()
  const nameOf = ({ type, method }: Method, argumentBytes: number) => `${type}.${method} ${Math.round(Math.log2(argumentBytes + 1))}`
  const bytesOf = (name: string): number => {
    const found = largest.get(name)
    if (found === undefined) return 0
    const bytes = Math.floor(found.bytes * 2 ** ((found.at - now()) / HALF_LIFE_MS))
    return bytes > SMALL ? bytes : 0
  }
  return {
    get empty() {
      return largest.size === 0
    },
    expected: (method, argumentBytes) => bytesOf(nameOf(method, argumentBytes)),
    made(method, argumentBytes, bytes) {
      if (bytes <= SMALL) return
      const name = nameOf(method, argumentBytes)
      if (bytes >= bytesOf(name)) largest.set(name, { bytes, at: now() })
    },
  }
}
