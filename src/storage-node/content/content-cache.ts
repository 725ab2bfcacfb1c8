import type { ContentHash } from '../../core/ids.ts'

/** Content that was fetched or supplied, kept by hash up to a number of bytes; the longest unused goes first. */
export interface ContentCache {
  get(hash: ContentHash): Uint8Array | undefined
  /** Bytes larger than the whole cache are not kept. */
  put(hash: ContentHash, bytes: Uint8Array): void
  has(hash: ContentHash): boolean
  /** Keeps bytes that are here from being evicted by `shrink`: whoever uses them has them in memory anyway. @returns lets go */
  hold(hash: ContentHash): () => void
  /** Evicts what nobody holds, the longest unused first, until it has freed so many bytes. @returns how many it has */
  shrink(bytes: number): number
  clear(): void
  readonly bytes: number
}

export const contentCache = (maxBytes: number): ContentCache => {
  // A Map keeps the order of insertion: what is used is put in again, so the first is the longest unused.
  const kept = new Map<ContentHash, Uint8Array>()
  let total = 0
  const holders = new Map<ContentHash, number>()
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
    hold(hash) {
      holders.set(hash, (holders.get(hash) ?? 0) + 1)
      let held = true
      return () => {
        if (!held) return
        held = false
        const left = (holders.get(hash) ?? 1) - 1
        if (left === 0) holders.delete(hash)
        else holders.set(hash, left)
      }
    },
    shrink(bytes) {
      let freed = 0
      for (const [oldest, old] of kept) {
        if (freed >= bytes) break
        if (holders.has(oldest)) continue
        kept.delete(oldest)
        freed += old.byteLength
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
