import { setTimeout as pause } from 'node:timers/promises'
import type { MethodEntry, ObjectType } from '../core/define.ts'
import { type ActiveStorageError, abortedBy, failure, failureWith, isActiveStorageError, toFailure } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import { hint } from '../core/nearest.ts'
import type { Compute, HostStats, HostView } from '../core/self.ts'
import type { Call, SiteDescription, Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { createFollowing } from '../link/following.ts'
import { decodedCache } from '../objects/pipeline/decoded-cache.ts'
import type { Admission } from './admission.ts'
import { createCollector } from './content/collector.ts'
import type { ContentStore } from './content/content-store.ts'
import type { Resolver } from './content/resolver.ts'
import { checkDeclarations } from './objects/declarations.ts'
import { type Declared, registerType } from './objects/declared.ts'
import { createArrivals } from './objects/arrivals.ts'
import { createDepartures } from './objects/departures.ts'
import { listObjects } from './objects/listing.ts'
import { createObjects } from './objects/objects.ts'
import { createRecordSweeper, type RecordLimits } from './objects/recorded-results.ts'
import { type CallHost, RunningCall } from './objects/running-call.ts'
import { CallSelf } from './objects/selves.ts'
import { createSweeper } from './objects/spaces.ts'
import { contentTarget } from './objects/uses.ts'
import { createCommitQueue } from './store/commit-queue.ts'
import type { Store } from './store/store.ts'

export interface HostOptions {
  readonly description: SiteDescription
  readonly types: readonly ObjectType[]
  readonly store: Store
  readonly content: ContentStore
  readonly resolver: Resolver
  readonly compute: Compute & { stats(): { readonly workers: number }; dropSessions(): Promise<void> }
  readonly admission: Admission
  /** Where nested calls to objects of other sites go. */
  readonly peers: ReadonlyMap<SiteName, Transport>
  /** Bytes of changes on their way to the disk, from which on turns wait. Default 64 MiB. */
  readonly pendingBytes?: number
  /** Sends the stacks of errors along. Default false: they tell of the node's inside. */
  readonly stacks?: boolean
  /** How long results of keyed calls are kept. */
  readonly results?: RecordLimits
  /** Told when the disk takes no more writes, and why; and when it does again. */
  readonly onWritable?: (writable: boolean, why?: string) => void
  /** Default: backups are refused. */
  readonly backup?: HostView['backup']
}

/** Runs calls on the objects that live here. The only place where a method's body is called. */
export interface Host extends Transport {
  readonly description: SiteDescription
  readonly admission: Admission
  /** Whether errors go out with their stacks. */
  readonly stacks: boolean
  stats(): HostStats
  /** Finishes what is under way (for `graceMs` at the most, by default however long it takes), and takes no more changes. */
  close(options?: { graceMs?: number }): Promise<void>
  /** @throws `unknown-type`, `unknown-method` */
  entryOf(type: string, method: string): MethodEntry
}

const noBackups = () => {
  throw failure('permission-denied', 'this host is in memory: there is nothing to back up')
}

/**
 * `overloaded` means that a call was refused before it began, so that clients repeat it. What has begun may have called
 * other objects already.
 */
export const begun = ({ kind }: Pick<MethodEntry, 'kind'>, error: ActiveStorageError): ActiveStorageError =>
  kind === 'stateful' && isActiveStorageError(error, 'overloaded')
    ? failureWith('resource-exhausted', error.text, error.details, error).at(error.origin)
    : error

export const createHost = ({
  description,
  types,
  store,
  content,
  resolver,
  compute,
  admission,
  peers,
  results,
  stacks = false,
  pendingBytes,
  onWritable,
  backup = noBackups,
}: HostOptions): Host => {
  const byName = new Map<string, ObjectType>()
  for (const type of types) {
    if (byName.has(type.name)) throw failure('already-exists', `two object types are named "${type.name}"`)
    byName.set(type.name, type)
  }
  const declared = new Map(types.map((type) => [String(type.name), registerType(type)]))
  const declarations = checkDeclarations(store, [...declared.values()])
  const declaredOf = (name: string): Declared => declared.get(name) ?? unknown(name)
  const site: SiteName = description.name
  const started = performance.now()
  let calls = 0
  let failures = 0
  let bytesFetched = 0

  const unknown = (name: string): never => {
    throw failure(
      'unknown-type',
      `${site} hosts no object type "${name.slice(0, 80)}"${hint(name, [...byName.keys()])}; it hosts ${[...byName.keys()].sort().join(', ')}`,
    )
  }
  const find = (name: string, method: string): { type: ObjectType; entry: MethodEntry } => {
    const type = byName.get(name)
    if (type === undefined) return unknown(name)
    const entry = type.entries.get(method) ?? objects.lifecycle.get(method)
    if (entry === undefined)
      throw failure(
        'unknown-method',
        `${name} has no method "${method.slice(0, 80)}"${hint(method, [...type.entries.keys()])}; it has ${[...type.entries.keys()].sort().join(', ')}`,
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
    argumentBytes: admission.argumentBytes,
    bytesFetched,
    cacheBytes: resolver.cacheBytes,
    workers: compute.stats().workers,
    rssBytes: process.memoryUsage.rss(),
    pendingBytes: queue.pendingBytes,
    writable: queue.health.writable,
  })
  const view: HostView = {
    describe: () => description,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a schema that JSON cannot say is refused when its type is registered
    declaration: (name) => declaredOf(name).describe() as unknown as Value,
    stats,
    flush: () => queue.flush(),
    collect: (options) => collector.collect(options),
    list: (options) => listObjects(store, options),
    dropCaches: async () => {
      resolver.clear()
      decodedCache.clear()
      await compute.dropSessions()
    },
    async *backup(to, signal) {
      await queue.flush()
      yield* backup(to, signal)
    },
  }

  const queue = createCommitQueue(store, {
    ...(pendingBytes !== undefined && { maxPendingBytes: pendingBytes }),
    onHealth: (health) => onWritable?.(health.writable, health.writable ? undefined : health.why.text),
  })
  const collector = createCollector({ content, queue, usesOf: contentTarget })
  const spaces = createSweeper(queue, collector.letGoOf)
  const shared: CallHost = {
    site,
    resolver,
    compute,
    view,
    memory: { most: admission.callBytes, hold: () => admission.hold() },
    hold: collector.hold,
    links: new Set(),
  }
  const records = createRecordSweeper(queue, results)
  const following = createFollowing((name) => (name === site ? host : peers.get(name)))
  const peer = (name: SiteName) => {
    const way = peers.get(name)
    return way === undefined ? undefined : following.from(way)
  }
  const departures = createDepartures({ site, queue, peer: (name) => peers.get(name) })
  const objects = createObjects({
    site,
    declared: declaredOf,
    declarations,
    store,
    queue,
    host: () => followed,
    peer,
    recorded: records.recorded,
    sweep: spaces.sweep,
    letGoOf: collector.letGoOf,
    departures,
    arrivals: createArrivals(queue, spaces.sweep, declaredOf),
  })
  spaces.begin()
  departures.begin()

  /** Whether a call that runs here waits for this one. A chain of strangers is a caller's own claim. */
  const isNested = ({ context: { chain } }: Call): boolean => chain.some((link) => shared.links.has(link))
  /** Whoever watches a node has to hear of it when it is full. An echo measures what other calls find. */
  const isReserved = ({ type, method }: Call): boolean => type === 'site' && method !== 'echo'
  /** Takes a call on. Whatever refuses it says which call it was. */
  const admit = (call: Call, stream: boolean) => {
    try {
      const { type, entry } = find(call.type, call.method)
      if (entry.stream !== stream)
        throw failure(
          'invalid-argument',
          `${call.type}.${call.method} ${entry.stream ? 'gives a stream' : 'gives one result'}: call it as such`,
        )
      if (entry.arguments !== undefined) declaredOf(call.type).checkArguments(call.method, call.args)
      return { type, entry, leave: admission.enter({ stream: entry.stream, nested: isNested(call), reserved: isReserved(call) }) }
    } catch (error) {
      throw located(call, toFailure(error))
    }
  }
  const start = (call: Call, stream: boolean) => {
    const { type, entry, leave } = admit(call, stream)
    calls++
    const running = new RunningCall(call, type, entry, shared)
    const finish = (): void => {
      running.end()
      const { inFlight } = admission
      leave()
      bytesFetched += running.fetched.bytes
      call.context.onReport?.(running.report(inFlight))
    }
    return { running, finish }
  }
  const located = (call: Call, error: ActiveStorageError) =>
    error.at({ object: `${call.type}/${call.object}`, method: call.method, site, callId: call.context.callId })
  const failed = ({ call, entry }: RunningCall, thrown: unknown): ActiveStorageError => {
    failures++
    return located(call, begun(entry, isActiveStorageError(thrown) ? thrown : toFailure(thrown, 'method-threw')))
  }

  const host: Host = {
    description,
    admission,
    stacks,
    stats,
    entryOf: (type, method) => find(type, method).entry,
    async call(call) {
      const { running, finish } = start(call, false)
      let work: unknown
      try {
        const { kind } = running.entry
        work =
          kind === 'movable' ? running.invoke(new CallSelf(running)) : kind === 'readonly' ? objects.read(running) : objects.turn(running)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type of a remote method lets through only values, and the codec checks what leaves
        return (await running.scope.limit(work)) as Value
      } catch (error) {
        throw failed(running, error)
      } finally {
        finish()
        running.release(work)
      }
    },
    async *stream(call) {
      const { running, finish } = start(call, true)
      try {
        const { kind } = running.entry
        const items =
          kind === 'movable'
            ? running.invoke(new CallSelf(running))
            : kind === 'readonly'
              ? objects.readStream(running)
              : objects.turnStream(running)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entry.stream says that it is an async generator
        for await (const item of items as AsyncIterable<Value>) {
          if (running.scope.aborted) throw abortedBy(running.scope.signal)
          yield item
        }
      } catch (error) {
        throw failed(running, error)
      } finally {
        finish()
        running.release(undefined)
      }
    },
    close: async ({ graceMs } = {}) => {
      const over = new AbortController()
      const grace = graceMs === undefined ? [] : [pause(graceMs, undefined, { signal: over.signal }).catch(() => undefined)]
      await Promise.race([admission.idle(), ...grace])
      over.abort()
      await departures.stop()
      await collector.stop()
      spaces.stop()
      records.stop()
      await spaces.idle()
      await queue.close()
    },
  }
  const followed = following.from(host)
  return host
}
