import type { MethodEntry, ObjectType } from '../core/define.ts'
import { type ActiveStorageError, abortedBy, failure, failureWith, isActiveStorageError, toFailure } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import { remoteOf } from '../core/remote.ts'
import type { Compute, Content, HostStats, HostView, MovableSelf } from '../core/self.ts'
import type { Call, CallReport, SiteDescription, StageReport, Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { fromBytes, toBytes } from '../wire/stored.ts'
import type { Admission } from './admission.ts'
import { CallScope } from './call-scope.ts'
import type { Fetched, Resolver } from './content/resolver.ts'
import { decodeRecord, encodeRecord, type ObjectRecord, recordKey, resultKey } from './object-record.ts'
import { objectTables } from './object-tables.ts'
import { keyOf, partsOf, type Store } from './store/store.ts'
import { createTurns } from './turns.ts'

export interface HostOptions {
  readonly description: SiteDescription
  readonly types: readonly ObjectType[]
  readonly store: Store
  readonly resolver: Resolver
  readonly compute: Compute & { stats(): { readonly workers: number }; dropSessions(): Promise<void> }
  readonly admission: Admission
}

/** Runs calls on the objects that live here. The only place where a method's body is called. */
export interface Host extends Transport {
  readonly description: SiteDescription
  readonly admission: Admission
  stats(): HostStats
  /** @throws `unknown-type`, `unknown-method` */
  entryOf(type: string, method: string): MethodEntry
}

interface Running {
  readonly call: Call
  readonly entry: MethodEntry
  readonly type: ObjectType
  readonly scope: CallScope
  readonly content: Content
  readonly stages: StageReport[]
}

export const createHost = ({ description, types, store, resolver, compute, admission }: HostOptions): Host => {
  const byName = new Map<string, ObjectType>()
  for (const type of types) {
    if (byName.has(type.name)) throw failure('already-exists', `two object types are named "${type.name}"`)
    byName.set(type.name, type)
  }
  const turns = createTurns()
  const site: SiteName = description.name
  const started = performance.now()
  let calls = 0
  let failures = 0
  let bytesFetched = 0

  const find = (name: string, method: string): { type: ObjectType; entry: MethodEntry } => {
    const type = byName.get(name)
    if (type === undefined)
      throw failure('unknown-type', `${site} hosts no object type "${name.slice(0, 80)}"; it hosts ${[...byName.keys()].sort().join(', ')}`)
    const entry = type.entries.get(method)
    if (entry === undefined)
      throw failure(
        'unknown-method',
        `${name} has no method "${method.slice(0, 80)}"; it has ${[...type.entries.keys()].sort().join(', ')}`,
      )
    return { type, entry }
  }

  const stats = (): HostStats => ({
    site,
    uptimeMs: Math.round(performance.now() - started),
    inFlight: admission.inFlight,
    calls,
    failures,
    refused: admission.refused,
    bytesFetched,
    cacheBytes: resolver.cacheBytes,
    workers: compute.stats().workers,
    rssBytes: process.memoryUsage.rss(),
  })
  const view: HostView = {
    describe: () => description,
    stats,
    list: ({ type, after, limit = 1000 }) => {
      const [afterType, afterId] = after?.split('/') ?? []
      const prefix = type === undefined ? keyOf('object') : keyOf('object', type)
      const from = afterType === undefined || afterId === undefined ? {} : { after: recordKey(afterType, afterId) }
      return store.range(prefix, { ...from, limit: Math.min(1000, Math.max(1, Math.trunc(limit))) }).map(([key, bytes]) => {
        const [, name = '', id = ''] = partsOf(key)
        return { type: name, id, version: decodeRecord(bytes, `${name}/${id}`).version }
      })
    },
    dropCaches: async () => {
      resolver.clear()
      await compute.dropSessions()
    },
  }

  const movableSelf = ({ call, scope, content, stages }: Running): MovableSelf => ({
    get signal() {
      return scope.signal
    },
    site,
    callId: call.context.callId,
    content: { read: content.read, ensure: content.ensure, keep: content.keep },
    compute,
    host: view,
    stage: async (key, units, work) => {
      const began = performance.now()
      const result = await work()
      stages.push({ key, units, ms: performance.now() - began })
      return result
    },
  })

  const load = (call: Call): ObjectRecord | undefined => {
    const bytes = store.get(recordKey(call.type, call.object))
    return bytes === undefined ? undefined : decodeRecord(bytes, `${call.type}/${call.object}`)
  }
  const checkVersion = (call: Call, version: number) => {
    const { expectedVersion } = call.context
    if (expectedVersion !== undefined && expectedVersion !== version) {
      throw failureWith('version-mismatch', `the object is at version ${version}, the caller expected ${expectedVersion}`, {
        actual: version,
      })
    }
  }
  const checkDeclared = (type: ObjectType, record: ObjectRecord) => {
    if (record.declared !== type.version) {
      throw failure(
        'unsupported',
        `the object was written by version ${record.declared} of type "${type.name}", this host has version ${type.version}, and migrations are not there yet`,
      )
    }
  }
  const nested = ({ call, scope }: Running) => {
    const chain = [...call.context.chain, `${call.type}/${call.object}`]
    // The signal carries the deadline too: it fires with `deadline-exceeded` when the time is over.
    return <T extends ObjectType>(type: T, id: string) => remoteOf(type, id, () => host, { signal: scope.signal }, chain)
  }

  const runReadonly = (running: Running): unknown => {
    const { call, type, entry } = running
    const record = load(call)
    if (record === undefined && type.initial !== undefined) throw failure('not-found', `${site} has no ${call.type} named "${call.object}"`)
    if (record !== undefined) checkDeclared(type, record)
    checkVersion(call, record?.version ?? 0)
    const { table } = objectTables(store, call.type, call.object)
    // Assigned rather than spread: a spread would call the getter of the signal, and make one that nobody may want.
    const self = Object.assign(movableSelf(running), {
      id: call.object,
      type: call.type,
      version: record?.version ?? 0,
      state: record?.state,
      table,
      object: nested(running),
    })
    return invoke(entry, self, call.args)
  }

  const runTurn = async (running: Running): Promise<unknown> => {
    const { call, type, entry, scope, content } = running
    const name = `${call.type}/${call.object}`
    if (call.context.chain.includes(name))
      throw failure('call-cycle', `${[...call.context.chain, name].join(' -> ')} comes back to ${name}, which is still in its turn`)
    const { idempotencyKey, fencingToken } = call.context
    const end = await turns.take(name)
    try {
      if (scope.aborted) throw abortedBy(scope.signal)
      if (idempotencyKey !== undefined) {
        const recorded = store.get(resultKey(call.type, call.object, idempotencyKey))
        if (recorded !== undefined) return fromBytes(recorded)
      }
      const bytes = store.get(recordKey(call.type, call.object))
      const before = bytes === undefined ? undefined : decodeRecord(bytes, name)
      if (before !== undefined) checkDeclared(type, before)
      checkVersion(call, before?.version ?? 0)
      if (fencingToken !== undefined && fencingToken < (before?.fence ?? 0))
        throw failure('fenced', `the fencing token ${fencingToken} is older than ${before?.fence}, which ${name} has seen`)

      const tables = objectTables(store, call.type, call.object)
      const self = Object.assign(movableSelf(running), {
        id: call.object,
        type: call.type,
        version: before?.version ?? 0,
        state: before === undefined ? type.initial?.() : before.state,
        table: tables.table,
        object: nested(running),
        content,
      })
      const result = await invoke(entry, self, call.args)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- encodeRecord checks it, value by value
      const after: ObjectRecord = {
        version: (before?.version ?? 0) + 1,
        fence: Math.max(before?.fence ?? 0, fencingToken ?? 0),
        declared: type.version,
        state: self.state as Value,
      }
      const writes = [...tables.writes]
      const changed = before === undefined || !encodeRecord({ ...after, version: before.version }).equals(bytes ?? Buffer.alloc(0))
      if (changed || writes.length > 0) writes.push({ key: recordKey(call.type, call.object), value: encodeRecord(after) })
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- toBytes checks it, value by value
      if (idempotencyKey !== undefined)
        writes.push({ key: resultKey(call.type, call.object, idempotencyKey), value: toBytes(result as Value) })
      if (writes.length > 0) await store.commit(writes)
      return result
    } finally {
      end()
    }
  }

  /** Takes a call on. Whatever refuses it says which call it was. */
  const admit = (call: Call, stream: boolean) => {
    try {
      const { type, entry } = find(call.type, call.method)
      if (entry.stream !== stream)
        throw failure(
          'invalid-argument',
          `${call.type}.${call.method} ${entry.stream ? 'gives a stream' : 'gives one result'}: call it as such`,
        )
      return { type, entry, leave: admission.enter(entry.stream) }
    } catch (error) {
      throw located(call, toFailure(error))
    }
  }
  const start = (call: Call, stream: boolean) => {
    const { type, entry, leave } = admit(call, stream)
    calls++
    const fetched: Fetched = { bytes: 0, ms: 0 }
    const began = performance.now()
    const scope = new CallScope(call.context)
    const running: Running = { call, entry, type, scope, content: resolver.scope(fetched), stages: [] }
    const finish = (): void => {
      scope.end()
      const { inFlight } = admission
      leave()
      bytesFetched += fetched.bytes
      const { onReport } = call.context
      if (onReport === undefined) return
      const totalMs = performance.now() - began
      const report: CallReport = {
        site,
        bytesSent: 0,
        bytesReceived: 0,
        bytesFetched: fetched.bytes,
        fetchMs: fetched.ms,
        totalMs,
        load: { inFlight, queueMs: 0, serviceMs: totalMs },
        stages: running.stages,
      }
      onReport(report)
    }
    return { running, finish }
  }
  const located = (call: Call, error: ActiveStorageError) =>
    error.at({ object: `${call.type}/${call.object}`, method: call.method, site, callId: call.context.callId })
  const failed = (call: Call, thrown: unknown): ActiveStorageError => {
    failures++
    return located(call, isActiveStorageError(thrown) ? thrown : toFailure(thrown, 'method-threw'))
  }

  const host: Host = {
    description,
    admission,
    stats,
    entryOf: (type, method) => find(type, method).entry,
    async call(call) {
      const { running, finish } = start(call, false)
      try {
        const { kind } = running.entry
        const work =
          kind === 'movable'
            ? invoke(running.entry, movableSelf(running), call.args)
            : kind === 'readonly'
              ? runReadonly(running)
              : runTurn(running)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type of a remote method lets through only values, and the codec checks what leaves
        return (await running.scope.limit(work)) as Value
      } catch (error) {
        throw failed(call, error)
      } finally {
        finish()
      }
    },
    async *stream(call) {
      const { running, finish } = start(call, true)
      try {
        const { entry } = running
        if (entry.kind === 'stateful')
          throw failure(
            'unsupported',
            `${call.type}.${call.method}: a stream that changes state is not there yet; make it readonly or movable`,
          )
        const items = entry.kind === 'movable' ? invoke(entry, movableSelf(running), call.args) : runReadonly(running)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entry.stream says that it is an async generator
        for await (const item of items as AsyncIterable<Value>) {
          if (running.scope.aborted) throw abortedBy(running.scope.signal)
          yield item
        }
      } catch (error) {
        throw failed(call, error)
      } finally {
        finish()
      }
    },
    close: async () => {
      await admission.idle()
    },
  }
  return host
}

const invoke = (entry: MethodEntry, self: object, args: readonly Value[]): unknown =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- defineObject has checked the section's self; arguments are checked by the method
  (entry.run as (self: object, ...args: readonly Value[]) => unknown)(self, ...args)
