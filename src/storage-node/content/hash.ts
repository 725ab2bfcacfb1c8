import { createHash } from 'node:crypto'
import type { ContentHash } from '../../core/ids.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where hashes are born
export const hashOf = (bytes: Uint8Array): ContentHash => createHash('sha256').update(bytes).digest('hex') as ContentHash
