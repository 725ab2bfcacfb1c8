import type { Pixels } from './pack.ts'

/** Decoded pixels by the hash of their content and of the ops that made them: exact, and the longest unused go first. */
export interface DecodedCache {
  get(content: string, made: string): Pixels | undefined
  put(content: string, made: string, pixels: Pixels): void
  /** Lets go of so many bytes, the longest unused first. @returns how many it has */
  shrink(bytes: number): number
  clear(): void
  readonly bytes: number
}

/** What an entry takes beside its pixels. */
const OVERHEAD = 256

export const createDecodedCache = (maxBytes: number): DecodedCache => {
  const kept = new Map<string, Pixels>()
  let total = 0
  const keyOf = (content: string, made: string) => content + made
  return {
    get(content, made) {
      const key = keyOf(content, made)
      const pixels = kept.get(key)
      if (pixels !== undefined) {
        kept.delete(key)
        kept.set(key, pixels)
      }
      return pixels
    },
    put(content, made, { data, width, height, channels }) {
      const key = keyOf(content, made)
      const size = data.byteLength + OVERHEAD
      if (kept.has(key) || size > maxBytes) return
      // A copy of its own: a part of a larger buffer would keep all of it.
      kept.set(key, { data: data.byteLength === data.buffer.byteLength ? data : Uint8Array.from(data), width, height, channels })
      total += size
      for (const [oldest, old] of kept) {
        if (total <= maxBytes) break
        kept.delete(oldest)
        total -= old.data.byteLength + OVERHEAD
      }
    },
    shrink(bytes) {
      let freed = 0
      for (const [oldest, old] of kept) {
        if (freed >= bytes) break
        kept.delete(oldest)
        freed += old.data.byteLength + OVERHEAD
      }
      total -= freed
      return freed
    },
    clear() {
      kept.clear()
      total = 0
    },
    get bytes() {
      return total
    },
  }
}

/** Of this process, over all loaders. */
export const decodedCache = createDecodedCache(512 * 1024 * 1024)
