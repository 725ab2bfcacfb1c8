import { randomBytes } from 'node:crypto'
import { failure } from '../../core/errors.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import { keyOf } from '../store/store.ts'

/** What the store holds of an object. */
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
  readonly state: Value
}

export const recordKey = (type: string, id: string) => keyOf('object', type, id)
export const spacePrefix = (space: string) => keyOf('table', space)
export const tablePrefix = (space: string, table: string) => keyOf('table', space, table)
export const newSpace = (): string => randomBytes(9).toString('base64url')

export const encodeRecord = ({ version, fence, declared, space, versionOf, state }: ObjectRecord): Buffer =>
  toBytes({ version, fence, declared, space, ...(versionOf !== undefined && { versionOf }), state })

/** A record that came from elsewhere, with a space here. `decodeRecord` tells whether it is one. */
export const encodeParts = (parts: Value, space: string): Buffer => toBytes({ ...Object(parts), space })

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
    if (typeof version === 'number' && typeof fence === 'number' && typeof declared === 'number' && typeof space === 'string') {
      const versionOf = 'versionOf' in value && isVersionOf(value.versionOf) ? { versionOf: value.versionOf } : {}
      return { version, fence, declared, space, ...versionOf, state: 'state' in value ? value.state : undefined }
    }
  }
  throw failure('storage-failed', `the stored record of ${object} is not one: run "active-storage verify" on the folder`)
}
