import { failure } from '../../core/errors.ts'
import type { ContentHash } from '../../core/ids.ts'
import type { ContentStore } from './content-store.ts'
import { hashSliced } from './hash.ts'

const noFolders = () => failure('unsupported', 'a host in memory adopts no folders: put the samples, or start a storage node')

/** Content that lasts as long as the process. */
export const memoryContent = (): ContentStore => {
  const kept = new Map<ContentHash, Uint8Array>()
  return {
    read: (hash) => Promise.resolve(kept.get(hash)),
    has: (hash) => kept.has(hash),
    file: () => Promise.resolve(undefined),
    put: async (bytes, known) => {
      // A copy: the caller may write to its bytes later.
      const own = Uint8Array.from(bytes)
      const hash = await hashSliced(own)
      known?.(hash)
      if (!kept.has(hash)) kept.set(hash, own)
      return hash
    },
    list: ({ after = '', limit }) =>
      Promise.resolve(
        [...kept]
          .filter(([hash]) => hash > after)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .slice(0, limit)
          .map(([hash, bytes]) => ({ hash, bytes: bytes.byteLength })),
      ),
    remove: (hash, still = () => true) => Promise.resolve(still() && kept.delete(hash)),
    adoptable: () => Promise.reject(noFolders()),
    withAdoptable: () => Promise.reject(noFolders()),
    adopt: () => Promise.reject(noFolders()),
    adoptParts: () => Promise.reject(noFolders()),
  }
}
