import type { MethodEntry } from '../../core/define.ts'
import { abortedBy, failure, isActiveStorageError } from '../../core/errors.ts'
import type { Call } from '../../core/transport.ts'
import type { Value } from '../../core/value.ts'
import { patient } from '../patience.ts'
import type { Store } from '../store/store.ts'
import { type CommitsOptions, createCommits } from './commits.ts'
import { Draft } from './draft.ts'
import { besideObject, lifecycleMethods, type LifecycleOptions } from './lifecycle.ts'
import { checkVersion, createLoad } from './loading.ts'
import { nameOf } from './names.ts'
import { createReach, type Ways } from './reach.ts'
import { createReaders } from './readers.ts'
import { recordedResult, recordOf } from './recorded-results.ts'
import type { RunningCall } from './running-call.ts'
import { DraftSelf } from './selves.ts'
import { createTurns, type Turn } from './turns.ts'

export interface ObjectsOptions extends Ways, CommitsOptions {
  readonly store: Store
  /** How long a readonly method may read its snapshot. Default 60,000 ms. */
  readonly snapshotMs?: number
  /** Told of a recorded result. */
  readonly recorded: (write: { key: string; value: Buffer | undefined }) => void
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
  /** When the oldest snapshot of a reader under way was taken, by `performance.now()`; undefined where none is. */
  oldestSnapshot(): number | undefined
  /**
   * A stateful method: alone on its object. What it changed is committed, all or nothing, and on disk before the result
   * is given, unless the call or the type is content with less.
   */
  turn(running: RunningCall): Promise<unknown>
  /** A stateful stream: each step up to a `yield` is a turn of its own, so that a slow reader holds nobody up. */
  turnStream(running: RunningCall): AsyncGenerator<unknown>
}

const lostReads = (cause: unknown) =>
  isActiveStorageError(cause, 'read-only')
    ? cause
    : failure('storage-failed', 'commits were lost while this turn ran, and it may have read them: repeat the call', cause)

export const createObjects = (options: ObjectsOptions): Objects => {
  const { store, queue } = options
  const turns = createTurns<Draft>()
  const reach = createReach(options)
  const load = createLoad(options.declared)
  const commits = createCommits(options)

  const heldTurn = (running: RunningCall): Turn<Draft> | undefined => turns.heldBy(nameOf(running.call), running)
  const onItsWay = ({ type, object, method }: Call) => (besideObject.has(method) ? undefined : options.arrivals.awaited(type, object))
  /** Waits for an object that is on its way here: whoever calls it was sent after it. */
  const arrived = async ({ call, scope }: RunningCall) => {
    for (let coming = onItsWay(call); coming !== undefined; coming = onItsWay(call)) await patient(coming, scope.signal)
  }

  /** What a reader sees is on disk; and what was acknowledged before it began it sees. */
  const settled = async (running: RunningCall) => {
    await arrived(running)
    await commits.settled(nameOf(running.call))
  }
  const readers = createReaders({
    ...(options.snapshotMs !== undefined && { snapshotMs: options.snapshotMs }),
    store,
    load,
    reach,
    settled,
    ownDraft: (running) => heldTurn(running)?.work,
  })

  const begin = async (running: RunningCall): Promise<{ turn: Turn<Draft>; generation: number }> => {
    const { call, scope } = running
    const asked = performance.now()
    await arrived(running)
    let turn = await turns.take(nameOf(call), running)
    while (onItsWay(call) !== undefined) {
      turn.end()
      await arrived(running)
      turn = await turns.take(nameOf(call), running)
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
  /** Work on a draft up to its commit. Where the commit is not even queued, nothing else would report that it is lost. */
  const untilQueued = async <T>(draft: Draft, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      draft.lost?.()
      throw error
    }
  }
  const invoke = (running: RunningCall, draft: Draft): unknown => running.invoke(new DraftSelf(running, reach(running), draft))
  /** Another object's turn, for the call that `self` belongs to. */
  const withTurn = async <T>(object: string, self: DraftSelf, work: () => Promise<T>): Promise<T> => {
    if (turns.heldBy(object, self.caller) !== undefined) return work()
    const turn = await turns.take(object, self.caller)
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
    ...readers,
    lifecycle: lifecycleMethods({
      queue,
      withTurn,
      arrivals: options.arrivals,
      departures: options.departures,
      describe: (type) => options.declared(type).describe(),
    }),
    async turn(running) {
      const { call } = running
      const own = heldTurn(running)?.work
      if (own !== undefined) return within(running, own)
      const { queued, result, beforeReply } = await inTurn(running, async (turn, generation) => {
        const { idempotencyKey } = call.context
        const recorded = idempotencyKey === undefined ? undefined : recordedResult(queue, call, idempotencyKey)
        if (recorded !== undefined) return { ...recorded, queued: queue.commit([], generation), beforeReply: undefined }
        const draft = (turn.work = await open(running))
        return untilQueued(draft, async () => {
          const made = await invoke(running, draft)
          if (idempotencyKey !== undefined) note(draft, call, idempotencyKey, made)
          return { result: made, queued: await commits.commit(running, draft, generation), beforeReply: draft.beforeReply }
        })
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
            const next = steps
            return untilQueued(draft, async () => {
              const made = await next.next()
              return { step: made, queued: await commits.commit(running, draft, generation) }
            })
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
