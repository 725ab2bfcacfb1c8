import { setTimeout as pause } from 'node:timers/promises'
import { failure } from '../../core/errors.ts'
import type { Snapshot, Store } from '../store/store.ts'
import type { Draft } from './draft.ts'
import { checkVersion, type createLoad } from './loading.ts'
import type { RunningCall } from './running-call.ts'
import { type Reach, SnapshotSelf } from './selves.ts'
import { openTable } from './tables.ts'

export interface ReadersOptions {
  readonly store: Store
  readonly load: ReturnType<typeof createLoad>
  readonly reach: (running: RunningCall) => Reach
  /** What the turn of an object has changed so far, where the call came back to it. */
  readonly ownDraft: (running: RunningCall) => Draft | undefined
  /** Comes when what was acknowledged before is to be seen. */
  readonly settled: (running: RunningCall) => Promise<void>
}

/** A snapshot keeps old pages of the store from being used again, so no reader has one for longer. */
const SNAPSHOT_MS = 60_000

/** Runs readonly methods, each on a snapshot of what is on disk. */
export const createReaders = ({ store, load, reach, ownDraft, settled }: ReadersOptions) => {
  const selfOn = async (running: RunningCall, snapshot: Snapshot) => {
    const { call, type } = running
    const own = ownDraft(running)
    if (own !== undefined) return new SnapshotSelf(running, reach(running), own)
    const found = await load(snapshot, running)
    if (found === undefined && type.initial !== undefined) throw failure('not-found', `there is no ${call.type} named "${call.object}"`)
    const version = found?.record.version ?? 0
    checkVersion(call, version)
    const table = (name: string) => openTable(snapshot, found?.record.space ?? '', name, new Map())
    return new SnapshotSelf(running, reach(running), { version, state: found?.state, table })
  }
  /** When each snapshot that is in use was taken, or shortly before; in that order. */
  const inUse = new Set<{ readonly began: number }>()
  const takeSnapshot = async (): Promise<Snapshot> => {
    const use = { began: performance.now() }
    inUse.add(use)
    const over = () => void inUse.delete(use)
    try {
      const { get, range, done } = await store.snapshot()
      return { get, range, done: () => [done(), over()] }
    } catch (error) {
      over()
      throw error
    }
  }
  return {
    /** When the oldest snapshot was taken that is in use, by `performance.now()`; undefined where none is. */
    oldestSnapshot(): number | undefined {
      const [oldest] = inUse
      return oldest?.began
    },
    async read(running: RunningCall): Promise<unknown> {
      await settled(running)
      const snapshot = await takeSnapshot()
      try {
        return await running.invoke(await selfOn(running, snapshot))
      } finally {
        snapshot.done()
      }
    },
    async *readStream(running: RunningCall): AsyncGenerator<unknown> {
      await settled(running)
      const snapshot = await takeSnapshot()
      const over = new AbortController()
      const expired = pause(SNAPSHOT_MS, undefined, { ref: false, signal: over.signal }).then(
        () => snapshot.done(),
        () => undefined,
      )
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entry.stream says that it is an async generator
        yield* running.invoke(await selfOn(running, snapshot)) as AsyncGenerator<unknown>
      } finally {
        over.abort()
        await expired
        snapshot.done()
      }
    },
  }
}
