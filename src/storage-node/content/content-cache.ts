import type { ContentHash } from '../../core/ids.ts'

/** Content that was fetched or supplied, kept by hash up to a number of bytes; the longest unused goes first. */
export interface ContentCache {
  get(hash: ContentHash): Uint8Array | undefined
  /** Bytes larger than the whole cache are not kept. */
  put(hash: ContentHash, bytes: Uint8Array): void
  has(hash: ContentHash): boolean
  clear(): void
  readonly bytes: number
}

export const contentCache = (maxBytes: number): ContentCache => {
  // A Map keeps the order of insertion: what is used is put in again, so the first is the longest unused.
  const kept = new Map<ContentHash, Uint8Array>()
  let total = 0
  return {
    get(hash) {
      const bytes = kept.get(hash)
      if (bytes !== undefined) {
        kept.delete(hash)
        kept.set(hash, bytes)
      }
      return bytes
    },
    has: (hash) => kept.has(hash),
    put(hash, bytes) {
      if (kept.has(hash) || bytes.byteLength > maxBytes) return
      // A view into a larger message would keep all of it alive.
      kept.set(hash, bytes.byteLength * 2 < bytes.buffer.byteLength ? Uint8Array.from(bytes) : bytes)
      total += bytes.byteLength
      for (const [oldest, old] of kept) {
        if (total <= maxBytes) break
        kept.delete(oldest)
        total -= old.byteLength
      }
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
