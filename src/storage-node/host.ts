import type { MethodEntry, ObjectType } from '../core/define.ts'
import { type ActiveStorageError, abortedBy, failure, isActiveStorageError, toFailure } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import type { Compute, HostStats, HostView } from '../core/self.ts'
import type { Call, SiteDescription, Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import type { Admission } from './admission.ts'
import type { Resolver } from './content/resolver.ts'
import { decodeRecord, recordKey } from './object-record.ts'
import { createObjectTurns } from './object-turns.ts'
import { type CallHost, RunningCall } from './running-call.ts'
import { keyOf, partsOf, type Store } from './store/store.ts'

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

export const createHost = ({ description, types, store, resolver, compute, admission }: HostOptions): Host => {
  const byName = new Map<string, ObjectType>()
  for (const type of types) {
    if (byName.has(type.name)) throw failure('already-exists', `two object types are named "${type.name}"`)
    byName.set(type.name, type)
  }
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

  const shared: CallHost = { site, resolver, compute, view }
  const objects = createObjectTurns(store, () => host)

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
    const running = new RunningCall(call, type, entry, shared)
    const finish = (): void => {
      running.scope.end()
      const { inFlight } = admission
      leave()
      bytesFetched += running.fetched.bytes
      call.context.onReport?.(running.report(inFlight))
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
        const work = kind === 'movable' ? running.invoke() : kind === 'readonly' ? objects.read(running) : objects.turn(running)
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
        const items = entry.kind === 'movable' ? running.invoke() : objects.read(running)
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
