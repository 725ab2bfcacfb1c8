import { setTimeout as pause } from 'node:timers/promises'
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
}

/** A snapshot keeps old pages of the store from being used again, so no reader has one for longer. */
const SNAPSHOT_MS = 60_000

const NOTHING = new Writes()

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
    const table = (name: string) => openTable(snapshot, found?.record.space ?? '', name, NOTHING)
    return new SnapshotSelf(running, reach(running), { version, state: found?.state, table })
  }
  return {
    async read(running: RunningCall): Promise<unknown> {
      await settled(running)
      const snapshot = await store.snapshot()
      try {
        return await running.invoke(await selfOn(running, snapshot))
      } finally {
        snapshot.done()
      }
    },
    async *readStream(running: RunningCall): AsyncGenerator<unknown> {
      await settled(running)
      const snapshot = await store.snapshot()
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
