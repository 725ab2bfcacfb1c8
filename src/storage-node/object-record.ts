import { failure } from '../core/errors.ts'
import type { Value } from '../core/value.ts'
import { fromBytes, toBytes } from '../wire/stored.ts'
import { keyOf } from './store/store.ts'

/** What the store holds of an object. */
export interface ObjectRecord {
  /** Commits so far. */
  readonly version: number
  /** Largest fencing token seen; 0 for none. */
  readonly fence: number
  /** Version of the declaration that wrote it. */
  readonly declared: number
  readonly state: Value
}

export const recordKey = (type: string, id: string) => keyOf('object', type, id)
export const tablePrefix = (type: string, id: string, table: string) => keyOf('table', type, id, table)
export const resultKey = (type: string, id: string, idempotencyKey: string) => keyOf('result', type, id, idempotencyKey)

export const encodeRecord = ({ version, fence, declared, state }: ObjectRecord): Buffer => toBytes({ version, fence, declared, state })

export const decodeRecord = (bytes: Buffer, object: string): ObjectRecord => {
  const value = fromBytes(bytes)
  if (typeof value === 'object' && value !== null && 'version' in value && 'fence' in value && 'declared' in value) {
    const { version, fence, declared } = value
    if (typeof version === 'number' && typeof fence === 'number' && typeof declared === 'number') {
      return { version, fence, declared, state: 'state' in value ? value.state : undefined }
    }
  }
  throw failure('storage-failed', `the stored record of ${object} is not one`)
}
