import { randomBytes } from 'node:crypto'
import { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import type { Content } from '../../core/self.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import { keyOf } from '../store/store.ts'

/** An encoded state: in the record, or in content where it is large. */
export type StoredState = Uint8Array | ContentRef

/** What the store holds of an object. Its state is encoded apart, so that a list of objects decodes none. */
export interface ObjectRecord {
  /** Commits so far. */
  readonly version: number
  /** Largest fencing token seen; 0 for none. */
  readonly fence: number
  /** Version of the declaration that wrote it. */
  readonly declared: number
  /** Where its tables lie: a name of its own, so that an object made anew under an old name finds nothing of the old one. */
  readonly space: string
  /** For a version: the object that it was taken from, and that one's version then. */
  readonly versionOf?: { readonly id: string; readonly base: number }
  readonly state: StoredState
}

export const recordKey = (type: string, id: string) => keyOf('object', type, id)
export const spacePrefix = (space: string) => keyOf('table', space)
export const tablePrefix = (space: string, table: string) => keyOf('table', space, table)
export const newSpace = (): string => randomBytes(9).toString('base64url')

/** Encoded states above this are kept as content: the store's tree is for what is small and often read. */
const LARGE = 64 * 1024

/** Keeps an encoded state: what this gives is on disk already where it is large. */
export const keepState = async (bytes: Buffer, put: Content['put']): Promise<StoredState> => (bytes.byteLength > LARGE ? put(bytes) : bytes)
/** The encoded state, from wherever it lies. */
export const stateBytesOf = async (state: StoredState, read: (ref: ContentRef) => Promise<Uint8Array>): Promise<Buffer> => {
  const bytes = state instanceof ContentRef ? await read(state) : state
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export const encodeRecord = ({ version, fence, declared, space, versionOf, state }: ObjectRecord): Buffer =>
  toBytes({ version, fence, declared, space, ...(versionOf !== undefined && { versionOf }), state })

const isVersionOf = (value: unknown): value is { id: string; base: number } =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  typeof value.id === 'string' &&
  'base' in value &&
  typeof value.base === 'number'

/** @throws `storage-failed` */
export const decodeRecord = (bytes: Buffer, object: string): ObjectRecord => {
  const value = fromBytes(bytes)
  if (typeof value === 'object' && value !== null && 'version' in value && 'fence' in value && 'declared' in value && 'space' in value) {
    const { version, fence, declared, space } = value
    const state = 'state' in value ? value.state : undefined
    if (
      typeof version === 'number' &&
      typeof fence === 'number' &&
      typeof declared === 'number' &&
      typeof space === 'string' &&
      (state instanceof Uint8Array || state instanceof ContentRef)
    ) {
      const versionOf = 'versionOf' in value && isVersionOf(value.versionOf) ? { versionOf: value.versionOf } : {}
      return { version, fence, declared, space, ...versionOf, state }
    }
  }
  throw failure('storage-failed', `the stored record of ${object} is not one: run "active-storage verify" on the folder`)
}
