import type { ObjectType } from '../core/define.ts'
import { abortedBy, failure, failureWith } from '../core/errors.ts'
import { remoteOf } from '../core/remote.ts'
import type { Call, Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { fromBytes, toBytes } from '../wire/stored.ts'
import { decodeRecord, encodeRecord, type ObjectRecord, recordKey, resultKey } from './object-record.ts'
import { objectTables } from './object-tables.ts'
import type { RunningCall } from './running-call.ts'
import { checkState } from './state-schema.ts'
import type { Store } from './store/store.ts'
import { createTurns } from './turns.ts'

const nameOf = (call: Call) => `${call.type}/${call.object}`

const checkVersion = ({ context: { expectedVersion } }: Call, version: number) => {
  if (expectedVersion === undefined || expectedVersion === version) return
  throw failureWith('version-mismatch', `the object is at version ${version}, the caller expected ${expectedVersion}`, { actual: version })
}
const checkDeclared = (type: ObjectType, record: ObjectRecord | undefined) => {
  if (record === undefined || record.declared === type.version) return
  throw failure(
    'unsupported',
    `the object was written by version ${record.declared} of type "${type.name}", this host has version ${type.version}, and migrations are not there yet`,
  )
}

/** Runs the methods that see an object's state. */
export interface ObjectTurns {
  /** A readonly method, on the last commit. @throws `not-found` where there is no such object */
  read(running: RunningCall): unknown
  /** A stateful method: alone on its object; what it changed is committed, all or nothing, before the result is given. */
  turn(running: RunningCall): Promise<unknown>
}

/** @param host where nested calls go */
export const createObjectTurns = (store: Store, host: () => Transport): ObjectTurns => {
  const turns = createTurns()

  const load = (call: Call) => {
    const bytes = store.get(recordKey(call.type, call.object))
    return { bytes, record: bytes === undefined ? undefined : decodeRecord(bytes, nameOf(call)) }
  }
  const nested = ({ call, scope }: RunningCall) => {
    const chain = [...call.context.chain, nameOf(call)]
    // The signal carries the deadline too: it fires with `deadline-exceeded` when the time is over.
    return <T extends ObjectType>(type: T, id: string) => remoteOf(type, id, host, { signal: scope.signal }, chain)
  }

  const act = async (running: RunningCall): Promise<unknown> => {
    const { call, type } = running
    const { idempotencyKey, fencingToken } = call.context
    const resultAt = idempotencyKey === undefined ? undefined : resultKey(call.type, call.object, idempotencyKey)
    const recorded = resultAt === undefined ? undefined : store.get(resultAt)
    if (recorded !== undefined) return fromBytes(recorded)
    const { bytes, record } = load(call)
    checkDeclared(type, record)
    const { version = 0, fence = 0 } = record ?? {}
    checkVersion(call, version)
    if (fencingToken !== undefined && fencingToken < fence) {
      throw failure('fenced', `the fencing token ${fencingToken} is older than ${fence}, which ${nameOf(call)} has seen`)
    }

    const tables = objectTables(store, call.type, call.object)
    const self = running.self({
      id: call.object,
      type: call.type,
      version,
      state: record === undefined ? type.initial?.() : record.state,
      table: tables.table,
      object: nested(running),
      content: running.content,
    })
    const result = await running.invoke(self)
    const { state } = self
    await checkState(type, state)
    const kept = { fence: Math.max(fence, fencingToken ?? 0), declared: type.version, state: valueOf(state) }
    const writes = [...tables.writes]
    const changed = record === undefined || !encodeRecord({ ...kept, version }).equals(bytes ?? Buffer.alloc(0))
    if (changed || writes.length > 0) {
      writes.push({ key: recordKey(call.type, call.object), value: encodeRecord({ ...kept, version: version + 1 }) })
    }
    if (resultAt !== undefined) writes.push({ key: resultAt, value: toBytes(valueOf(result)) })
    if (writes.length > 0) await store.commit(writes)
    return result
  }

  return {
    read(running) {
      const { call, type } = running
      const { record } = load(call)
      if (record === undefined && type.initial !== undefined) throw failure('not-found', `there is no ${call.type} named "${call.object}"`)
      checkDeclared(type, record)
      const version = record?.version ?? 0
      checkVersion(call, version)
      const { table } = objectTables(store, call.type, call.object)
      return running.invoke(
        running.self({ id: call.object, type: call.type, version, state: record?.state, table, object: nested(running) }),
      )
    },
    async turn(running) {
      const { call, scope } = running
      const name = nameOf(call)
      if (call.context.chain.includes(name)) {
        throw failure('call-cycle', `${[...call.context.chain, name].join(' -> ')} comes back to ${name}, which is still in its turn`)
      }
      const asked = performance.now()
      const end = await turns.take(name)
      running.waited(performance.now() - asked)
      try {
        if (scope.aborted) throw abortedBy(scope.signal)
        return await act(running)
      } finally {
        end()
      }
    },
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- encoding checks it, value by value
const valueOf = (thing: unknown): Value => thing as Value
