import { failureWith } from '../../core/errors.ts'
import type { Call } from '../../core/transport.ts'
import { fromBytesInSlices } from '../../wire/stored.ts'
import type { Declared } from './declared.ts'
import { besideObject } from './lifecycle.ts'
import { checkNotMoved } from './moves.ts'
import { nameOf } from './names.ts'
import { decodeRecord, recordKey, stateBytesOf } from './record.ts'
import type { RunningCall } from './running-call.ts'
import type { View } from './tables.ts'

/** @throws `version-mismatch` */
export const checkVersion = ({ context: { expectedVersion } }: Call, version: number) => {
  if (expectedVersion === undefined || expectedVersion === version) return
  throw failureWith('version-mismatch', `the object is at version ${version}, the caller expected ${expectedVersion}`, { actual: version })
}

/** What a view has of the object that is called, its state as the type declares it now. Undefined: there is none. */
export const createLoad = (declared: (type: string) => Declared) => async (view: View, running: RunningCall) => {
  const { type, call } = running
  const bytes = view.get(recordKey(call.type, call.object))
  if (bytes === undefined) {
    if (!besideObject.has(call.method)) checkNotMoved(view, call)
    return undefined
  }
  const record = decodeRecord(bytes, nameOf(call))
  const stored = await stateBytesOf(record.state, (ref) => running.content.read(ref, running.scope.signal))
  const decoded = fromBytesInSlices(stored)
  const found = decoded instanceof Promise ? await decoded : decoded
  const state = record.declared === type.version ? found : declared(type.name).migrate(found, record.declared)
  return { bytes: stored, record, state }
}
