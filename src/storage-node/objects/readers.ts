import { failure } from '../../core/errors.ts'
import type { Snapshot, Store } from '../store/store.ts'
import type { Draft } from './draft.ts'
import { checkVersion, type createLoad } from './loading.ts'
import type { RunningCall } from './running-call.ts'
import { type Reach, SnapshotSelf } from './selves.ts'
import { openTable, Writes } from './tables.ts'

export interface ReadersOptions {
  readonly store: Store
  readonly load: ReturnType<typeof createLoad>
  readonly reach: (running: RunningCall) => Reach
  /** What the turn of an object has changed so far, where the call came back to it. */
  readonly ownDraft: (running: RunningCall) => Draft | undefined
  /** Comes when what was acknowledged before is to be seen. */
  readonly settled: (running: RunningCall) => Promise<void>
  /** How long a reader may have its snapshot. Default 60,000 ms. */
  readonly snapshotMs?: number
}

/** A snapshot keeps old pages of the store from being used again, so no reader has one for longer. */
const SNAPSHOT_MS = 60_000

/** Snapshots that end by themselves. One timer is enough: they all have the same time, so the oldest ends first. */
const createLeases = (snapshotMs: number) => {
  const open = new Map<Snapshot, number>()
  let timer: NodeJS.Timeout | undefined
  const arm = () => {
    const [first] = open
    if (timer !== undefined || first === undefined) return
    timer = setTimeout(expire, Math.max(1, first[1] - performance.now()))
    timer.unref()
  }
  const expire = () => {
    timer = undefined
    for (const [snapshot, due] of open) {
      if (due > performance.now()) break
      open.delete(snapshot)
      snapshot.done()
    }
    arm()
  }
  return {
    begin(snapshot: Snapshot) {
      open.set(snapshot, performance.now() + snapshotMs)
      arm()
    },
    end(snapshot: Snapshot) {
      if (open.delete(snapshot)) snapshot.done()
    },
  }
}

const NOTHING = new Writes()

/** Runs readonly methods, each on a snapshot of what is on disk. */
export const createReaders = ({ store, load, reach, ownDraft, settled, snapshotMs = SNAPSHOT_MS }: ReadersOptions) => {
  const leases = createLeases(snapshotMs)
  const selfOn = async (running: RunningCall, snapshot: Snapshot) => {
    const { call, type } = running
    const own = ownDraft(running)
    if (own !== undefined) return new SnapshotSelf(running, reach(running), own)
    const found = await load(snapshot, running)
    if (found === undefined && type.initial !== undefined) throw failure('not-found', `there is no ${call.type} named "${call.object}"`)
    const version = found?.record.version ?? 0
    checkVersion(call, version)
    const table = (name: string) => openTable(snapshot, found?.record.space ?? '', name, NOTHING)
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
      leases.begin(snapshot)
      try {
        return await running.invoke(await selfOn(running, snapshot))
      } finally {
        leases.end(snapshot)
      }
    },
    async *readStream(running: RunningCall): AsyncGenerator<unknown> {
      await settled(running)
      const snapshot = await takeSnapshot()
      leases.begin(snapshot)
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entry.stream says that it is an async generator
        yield* running.invoke(await selfOn(running, snapshot)) as AsyncGenerator<unknown>
      } finally {
        leases.end(snapshot)
      }
    },
  }
}
