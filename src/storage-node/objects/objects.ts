import { setTimeout as pause } from 'node:timers/promises'
import type { MethodEntry } from '../../core/define.ts'
import { abortedBy, failure, failureWith, isActiveStorageError } from '../../core/errors.ts'
import { LOCAL, type SiteName, siteName } from '../../core/ids.ts'
import { ObjectRef } from '../../core/object-ref.ts'
import { type Parent, remoteOf } from '../../core/remote.ts'
import type { Call, Transport } from '../../core/transport.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes } from '../../wire/stored.ts'
import type { CommitQueue, Queued } from '../store/commit-queue.ts'
import type { Snapshot, Store } from '../store/store.ts'
import type { Declarations } from './declarations.ts'
import type { Declared } from './declared.ts'
import { Draft } from './draft.ts'
import { besideObject, lifecycleMethods, type LifecycleOptions } from './lifecycle.ts'
import { checkNotMoved } from './moves.ts'
import { decodeRecord, recordKey, stateBytesOf } from './record.ts'
import { recordedResult, recordOf } from './recorded-results.ts'
import type { RunningCall } from './running-call.ts'
import { DraftSelf, type Reach, SnapshotSelf } from './selves.ts'
import { openTable, type View } from './tables.ts'
import { letGo } from './uses.ts'
import { createTurns, type Turn } from './turns.ts'
import { patient } from '../patience.ts'

export interface ObjectsOptions {
  readonly site: SiteName
  /** The types of this host, by name. */
  readonly declared: (type: string) => Declared
  readonly declarations: Declarations
  readonly store: Store
  readonly queue: CommitQueue
  /** Where nested calls to this site go. */
  readonly host: () => Transport
  /** Where nested calls to other sites go. */
  readonly peer: (site: SiteName) => Transport | undefined
  /** Told of a recorded result, of a space that is no longer used. */
  readonly recorded: (write: { key: string; value: Buffer | undefined }) => void
  readonly sweep: (space: string) => void
  /** Told of content that one reference less leads to. */
  readonly letGoOf: (hashes: readonly string[]) => void
  readonly arrivals: LifecycleOptions['arrivals']
  readonly departures: LifecycleOptions['departures']
}

/** Runs the methods that see an object's state. */
export interface Objects {
  /** The methods that every object has, by name. */
  readonly lifecycle: ReadonlyMap<string, MethodEntry>
  /** A readonly method, on a snapshot of what is on disk. @throws `not-found` where there is no such object */
  read(running: RunningCall): Promise<unknown>
  readStream(running: RunningCall): AsyncGenerator<unknown>
  /**
   * A stateful method: alone on its object. What it changed is committed, all or nothing, and on disk before the result
   * is given, unless the call or the type is content with less.
   */
  turn(running: RunningCall): Promise<unknown>
  /** A stateful stream: each step up to a `yield` is a turn of its own, so that a slow reader holds nobody up. */
  turnStream(running: RunningCall): AsyncGenerator<unknown>
}

/** A snapshot keeps old pages of the store from being used again, so no reader has one for longer. */
const SNAPSHOT_MS = 60_000

export const nameOf = (call: Pick<Call, 'type' | 'object'>): string => `${call.type}/${call.object}`

const checkVersion = ({ context: { expectedVersion } }: Call, version: number) => {
  if (expectedVersion === undefined || expectedVersion === version) return
  throw failureWith('version-mismatch', `the object is at version ${version}, the caller expected ${expectedVersion}`, { actual: version })
}
const lostReads = (cause: unknown) =>
  isActiveStorageError(cause, 'read-only')
    ? cause
    : failure('storage-failed', 'commits were lost while this turn ran, and it may have read them: repeat the call', cause)

export const createObjects = (options: ObjectsOptions): Objects => {
  const { site, store, queue, host, peer } = options
  const turns = createTurns<Draft>()
  /** The last commit of each object that is on its way to the disk. */
  const underWay = new Map<string, Promise<void>>()

  const reach = ({ call, scope }: RunningCall): Reach => {
    const { callId, traceParent, chain } = call.context
    const parent: Parent = {
      callId,
      chain: [...chain, nameOf(call)],
      budgetMs: () => scope.leftMs,
      ...(traceParent !== undefined && { traceParent }),
    }
    return (type, target, { at } = {}) => {
      const [id, home] = target instanceof ObjectRef ? [target.id, target.home] : [target, at]
      const there = home === undefined || home === site || home === LOCAL ? host() : peer(siteName(home))
      if (there === undefined)
        throw failure(
          'unavailable',
          `${site} knows no site "${home}": start it with --peer ${home}=ADDRESS, so that its objects can be called`,
        )
      return remoteOf(type, id, () => there, { signal: scope.signal }, parent)
    }
  }

  const load = async (view: View, running: RunningCall) => {
    const { type, call } = running
    const bytes = view.get(recordKey(call.type, call.object))
    if (bytes === undefined) {
      if (!besideObject.has(call.method)) checkNotMoved(view, call)
      return undefined
    }
    const record = decodeRecord(bytes, nameOf(call))
    const stored = await stateBytesOf(record.state, (ref) => running.content.read(ref, running.scope.signal))
    const found = fromBytes(stored)
    const state = record.declared === type.version ? found : options.declared(type.name).migrate(found, record.declared)
    return { bytes: stored, record, state }
  }

  /** A method on a snapshot; for a call that came back to an object in its turn, on that turn's draft. */
  const readSelf = async (running: RunningCall, snapshot: Snapshot | undefined) => {
    const { call, type } = running
    const own = heldTurn(call)?.work
    if (own !== undefined) return new SnapshotSelf(running, reach(running), own)
    const view = snapshot ?? store
    const found = await load(view, running)
    if (found === undefined && type.initial !== undefined) throw failure('not-found', `there is no ${call.type} named "${call.object}"`)
    const version = found?.record.version ?? 0
    checkVersion(call, version)
    const table = (name: string) => openTable(view, found?.record.space ?? '', name, new Map())
    return new SnapshotSelf(running, reach(running), { version, state: found?.state, table })
  }
  const heldTurn = (call: Call): Turn<Draft> | undefined =>
    call.context.chain.includes(nameOf(call)) ? turns.heldBy(nameOf(call), call.context.callId) : undefined
  /** What a reader sees is on disk; and what was acknowledged before it began it sees. */
  const settled = async (running: RunningCall) => {
    await arrived(running)
    const commit = underWay.get(nameOf(running.call))
    if (commit !== undefined) await commit.catch(() => undefined)
  }

  const onItsWay = ({ type, object, method }: Call) => (besideObject.has(method) ? undefined : options.arrivals.awaited(type, object))
  /** Waits for an object that is on its way here: whoever calls it was sent after it. */
  const arrived = async ({ call, scope }: RunningCall) => {
    for (let coming = onItsWay(call); coming !== undefined; coming = onItsWay(call)) await patient(coming, scope.signal)
  }

  const begin = async (running: RunningCall): Promise<{ turn: Turn<Draft>; generation: number }> => {
    const { call, scope } = running
    const asked = performance.now()
    await arrived(running)
    let turn = await turns.take(nameOf(call), call.context.callId)
    while (onItsWay(call) !== undefined) {
      turn.end()
      await arrived(running)
      turn = await turns.take(nameOf(call), call.context.callId)
    }
    running.waited(performance.now() - asked)
    try {
      if (scope.aborted) throw abortedBy(scope.signal)
      await queue.room()
      return { turn, generation: queue.generation }
    } catch (error) {
      turn.end()
      throw error
    }
  }
  /** Runs work in a turn. Those behind go on while it waits for the disk; where that fails, theirs fails too. */
  const inTurn = async <T>(running: RunningCall, work: (turn: Turn<Draft>, generation: number) => Promise<T>): Promise<T> => {
    const { turn, generation } = await begin(running)
    const end = () => {
      for (const endOther of turn.work?.heldBeside ?? []) endOther()
      turn.end()
    }
    try {
      const made = await work(turn, generation)
      end()
      return made
    } catch (error) {
      end()
      // An error tells of what the turn has read as a result does: it is told when that lasts.
      if (queue.generation !== generation) throw lostReads(error)
      await queue.flush().catch((lost: unknown) => {
        throw lostReads(lost)
      })
      throw error
    }
  }
  const open = async (running: RunningCall): Promise<Draft> => {
    const { call, type } = running
    const draft = new Draft(queue, type, call.object, await load(queue, running), besideObject.has(call.method))
    const { fencingToken } = call.context
    checkVersion(call, draft.version)
    if (fencingToken !== undefined && fencingToken < draft.fence)
      throw failure('fenced', `the fencing token ${fencingToken} is older than ${draft.fence}, which ${nameOf(call)} has seen`)
    draft.fence = Math.max(draft.fence, fencingToken ?? 0)
    return draft
  }
  const commit = async (running: RunningCall, draft: Draft, generation: number): Promise<Queued> => {
    const { name } = draft.type
    if (!draft.deleted && !draft.beside) options.declared(name).checkState(draft.state)
    const changes = await draft.changes((bytes) => running.content.put(bytes))
    const writes = changes.length === 0 ? changes : [...changes, ...options.declarations.pending(name)]
    const queued = queue.commit(writes, generation)
    if (writes.length > 0) {
      const object = nameOf(running.call)
      underWay.set(object, queued.durable)
      const forget = () => {
        if (underWay.get(object) === queued.durable) underWay.delete(object)
      }
      queued.durable.then(() => {
        forget()
        options.declarations.recorded(name)
        for (const act of draft.afterwards) act()
        options.letGoOf(letGo(writes))
        if (draft.before !== undefined && (draft.deleted || draft.space !== draft.before.space)) options.sweep(draft.before.space)
      }, forget)
      if (draft.lost !== undefined) queued.durable.catch(draft.lost)
    }
    return queued
  }
  const invoke = (running: RunningCall, draft: Draft): unknown => running.invoke(new DraftSelf(running, reach(running), draft))
  /** Another object's turn, for the chain of calls that `self` belongs to. */
  const withTurn = async <T>(object: string, self: DraftSelf, work: () => Promise<T>): Promise<T> => {
    if (turns.heldBy(object, self.callId) !== undefined) return work()
    const turn = await turns.take(object, self.callId)
    try {
      return await work()
    } finally {
      // Both objects change in one commit, and both turns end when that is queued.
      self.draft.heldBeside.push(turn.end)
    }
  }

  /** A call that came back to an object in its turn: part of that turn, and committed with it. */
  const within = async (running: RunningCall, draft: Draft): Promise<unknown> => {
    const { call } = running
    const { idempotencyKey } = call.context
    const recorded = idempotencyKey === undefined ? undefined : recordedResult(draft, call, idempotencyKey)
    if (recorded !== undefined) return recorded.result
    return draft.inside(async () => {
      const result = await invoke(running, draft)
      if (idempotencyKey !== undefined) note(draft, call, idempotencyKey, result)
      return result
    })
  }
  const note = (draft: Draft, call: Call, idempotencyKey: string, result: unknown) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- encoding checks it, value by value
    const write = recordOf(call, idempotencyKey, result as Value)
    draft.writes.set(write.key, write.value)
    draft.afterwards.push(() => options.recorded(write))
  }

  return {
    lifecycle: lifecycleMethods({
      queue,
      withTurn,
      arrivals: options.arrivals,
      departures: options.departures,
      describe: (type) => options.declared(type).describe(),
    }),
    async read(running) {
      await settled(running)
      const snapshot = await store.snapshot()
      try {
        return await running.invoke(await readSelf(running, snapshot))
      } finally {
        snapshot.done()
      }
    },
    async *readStream(running) {
      await settled(running)
      const snapshot = await store.snapshot()
      const over = new AbortController()
      const expired = pause(SNAPSHOT_MS, undefined, { ref: false, signal: over.signal }).then(
        () => snapshot.done(),
        () => undefined,
      )
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entry.stream says that it is an async generator
        yield* running.invoke(await readSelf(running, snapshot)) as AsyncGenerator<unknown>
      } finally {
        over.abort()
        await expired
        snapshot.done()
      }
    },
    async turn(running) {
      const { call } = running
      const own = heldTurn(call)?.work
      if (own !== undefined) return within(running, own)
      const { queued, result, beforeReply } = await inTurn(running, async (turn, generation) => {
        const { idempotencyKey } = call.context
        const recorded = idempotencyKey === undefined ? undefined : recordedResult(queue, call, idempotencyKey)
        if (recorded !== undefined) return { ...recorded, queued: queue.commit([], generation), beforeReply: undefined }
        const draft = (turn.work = await open(running))
        const made = await invoke(running, draft)
        if (idempotencyKey !== undefined) note(draft, call, idempotencyKey, made)
        return { result: made, queued: await commit(running, draft, generation), beforeReply: draft.beforeReply }
      })
      if (call.context.durability === 'async') return result
      await queued.durable
      if (beforeReply !== undefined) await beforeReply()
      return result
    },
    async *turnStream(running) {
      if (running.call.context.idempotencyKey !== undefined)
        throw failure(
          'unsupported',
          `${nameOf(running.call)}.${running.call.method}: a stream has no one result to record under an idempotency key`,
        )
      let self: DraftSelf | undefined
      let steps: AsyncGenerator<unknown> | undefined
      try {
        for (;;) {
          const { queued, step } = await inTurn(running, async (turn, generation) => {
            const draft = (turn.work = await open(running))
            self ??= new DraftSelf(running, reach(running), draft)
            self.draft = draft
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entry.stream says that it is an async generator
            steps ??= running.invoke(self) as AsyncGenerator<unknown>
            const made = await steps.next()
            return { step: made, queued: await commit(running, draft, generation) }
          })
          if (running.call.context.durability !== 'async') await queued.durable
          if (step.done === true) return
          yield step.value
        }
      } finally {
        await steps?.return(undefined)
      }
    },
  }
}
