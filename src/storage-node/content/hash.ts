import { createHash } from 'node:crypto'
import type { ContentHash } from '../../core/ids.ts'
import { rangeSliced } from '../../core/slices.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where hashes are born
export const hashOf = (bytes: Uint8Array): ContentHash => createHash('sha256').update(bytes).digest('hex') as ContentHash

/** Bytes that are hashed at once, within some ms. */
const PIECE = 2 * 1024 * 1024

/** The same in slices of the main thread, for bytes of any size. */
export const hashSliced = async (bytes: Uint8Array): Promise<ContentHash> => {
  if (bytes.byteLength <= PIECE) return hashOf(bytes)
  const hash = createHash('sha256')
  await rangeSliced(bytes.byteLength, (from, to) => hash.update(bytes.subarray(from, to)), PIECE)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where hashes are born
  return hash.digest('hex') as ContentHash
}
