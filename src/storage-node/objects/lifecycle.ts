import type { MethodEntry, MethodKind } from '../../core/define.ts'
import { failure, failureWith } from '../../core/errors.ts'
import { objectId, siteName } from '../../core/ids.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes } from '../../wire/stored.ts'
import type { CommitQueue } from '../store/commit-queue.ts'
import type { Arrivals } from './arrivals.ts'
import { copySpace } from './copy-space.ts'
import type { Departures } from './departures.ts'
import type { TypeDescription } from './declared.ts'
import type { Draft } from './draft.ts'
import { decodeRecord, encodeRecord, newSpace, recordKey, stateBytesOf } from './record.ts'
import { DraftSelf, SnapshotSelf } from './selves.ts'
import { usedSpace } from './spaces.ts'
import { objectTarget, recordPlace, targetsOfState, usesChanged } from './uses.ts'

/**
 * What can be done with every object, whatever its type: methods whose names no type can declare. They run in the
 * object's turn and are committed like any other.
 */
export interface LifecycleOptions {
  readonly queue: CommitQueue
  /** Runs work in the turn that this call's chain then has on another object of this host. */
  readonly arrivals: Arrivals
  readonly departures: Pick<Departures, 'move'>
  readonly describe: (type: string) => TypeDescription
  readonly withTurn: <T>(object: string, self: DraftSelf, work: () => Promise<T>) => Promise<T>
}

/** References are counted up to here. */
const REFERENCES_MOST = 10_000
const HISTORY = '$history'
const HISTORY_MOST = 100

/** One consolidation, as the history of an object has it. */
type HistoryEntry = {
  /** The object's version after it. */
  readonly version: number
  /** The version object that it took over, and the object's version when that was made. */
  readonly from: string
  readonly base: number
  /** ISO 8601. */
  readonly at: string
  readonly callId: string
}

const textOf = (value: Value): string => {
  if (typeof value === 'string') return value
  throw failure('invalid-argument', 'a move is named by a text')
}
const existing = (draft: Draft) => {
  if (draft.before === undefined) throw failure('not-found', `there is no ${draft.type.name} named "${draft.id}"`)
  return draft.before
}
const stateOnly = (draft: Draft) => {
  if (draft.type.initial === undefined)
    throw failure('invalid-argument', `${draft.type.name} has no state: there is nothing to create, delete or move`)
}

/** Methods that the site an object comes from calls where it is not yet. */
export const besideObject: ReadonlySet<string> = new Set(['$receive', '$activate', '$discard'])

export const lifecycleMethods = ({
  queue,
  withTurn,
  arrivals,
  departures,
  describe,
}: LifecycleOptions): ReadonlyMap<string, MethodEntry> => {
  const entries = new Map<string, MethodEntry>()
  const references = ({ type, id }: SnapshotSelf) => queue.range(objectTarget(type, id), { limit: REFERENCES_MOST }).length
  const stateful = (name: string, run: (draft: Draft, self: DraftSelf, ...args: Value[]) => unknown) => {
    add(name, 'stateful', (self: DraftSelf, ...args: Value[]) => {
      stateOnly(self.draft)
      return run(self.draft, self, ...args)
    })
  }
  const add = (name: string, kind: MethodKind, run: MethodEntry['run']) =>
    entries.set(name, { kind, stream: false, internal: false, run, arguments: undefined, result: undefined })

  /** Makes the object, which must not be there. @returns its version, 1 */
  stateful('$create', (draft) => {
    if (draft.before !== undefined) throw failure('already-exists', `there is a ${draft.type.name} named "${draft.id}" already`)
    return { version: 1 }
  })
  /** Makes the object where it is not there. */
  stateful('$ensure', (draft) => ({ created: draft.before === undefined, version: Math.max(1, draft.version) }))
  /** Deletes the object with all its tables. @returns whether it was there */
  stateful('$delete', (draft) => {
    draft.deleted = true
    return draft.before !== undefined
  })
  /** Takes a version: an object of its own with the same state and tables, to work on apart. @returns its name */
  stateful('$newVersion', async (draft, self) => {
    const before = existing(draft)
    const id = objectId(`${draft.id.slice(0, 100)}.v${before.version}-${newSpace()}`)
    const space = await copySpace(queue, before.space)
    const record = { ...before, space, version: 1, fence: 0, versionOf: { id: draft.id, base: before.version } }
    const bytes = await stateBytesOf(before.state, (ref) => self.content.read(ref, self.signal))
    draft.put([
      { key: recordKey(draft.type.name, id), value: encodeRecord(record) },
      ...usesChanged(recordPlace(draft.type.name, id), new Set(), targetsOfState(before.state, bytes)),
      usedSpace(space),
    ])
    return id
  })
  /**
   * Puts a version's state and tables in the place of the object's, and the version is gone: both or neither.
   * @throws `version-mismatch` where the object has changed since the version was taken, unless `force` is given
   */
  stateful('$consolidate', (draft, self, versionId, options) => {
    const before = existing(draft)
    const id = objectId(versionId)
    if (id === draft.id) throw failure('invalid-argument', `"${id}" is the object itself: give one of its versions`)
    return withTurn(`${draft.type.name}/${id}`, self, async () => {
      const bytes = queue.get(recordKey(draft.type.name, id))
      const version = bytes === undefined ? undefined : decodeRecord(bytes, `${draft.type.name}/${id}`)
      if (version?.versionOf?.id !== draft.id) throw failure('not-found', `"${id}" is no version of ${draft.type.name}/${draft.id}`)
      const { base } = version.versionOf
      const forced = typeof options === 'object' && options !== null && 'force' in options && options.force === true
      if (base !== before.version && !forced)
        throw failureWith(
          'version-mismatch',
          `${draft.type.name}/${draft.id} has changed since "${id}" was taken from its version ${base}: take a new version, or consolidate with { force: true }`,
          { actual: before.version },
        )
      const history = draft.table(HISTORY).entries({ limit: HISTORY_MOST })
      const state = await stateBytesOf(version.state, (ref) => self.content.read(ref, self.signal))
      draft.state = fromBytes(state)
      draft.space = version.space
      draft.put([
        { key: recordKey(draft.type.name, id), value: undefined },
        ...usesChanged(recordPlace(draft.type.name, id), targetsOfState(version.state, state), new Set()),
      ])
      const entry: HistoryEntry = { version: before.version + 1, from: id, base, at: new Date().toISOString(), callId: self.callId }
      const table = draft.table(HISTORY)
      const keyOfEntry = (number: number) => String(number).padStart(16, '0')
      for (const [key, old] of history.slice(-HISTORY_MOST + 1)) table.put(key, old)
      for (const [key] of history.slice(0, -HISTORY_MOST + 1)) table.delete(key)
      table.put(keyOfEntry(entry.version), entry)
      return { version: entry.version }
    })
  })
  /** Moves the object to another site, with its content, history and recorded results; callers are sent after it. */
  stateful('$move', (_, self, to) => departures.move(self, to))
  stateful('$receive', (_, self, moveId, from, what) => arrivals.receive(self, textOf(moveId), siteName(from), what))
  stateful('$activate', (_, self, moveId) => arrivals.activate(self, textOf(moveId)))
  stateful('$discard', (_, self, moveId) => arrivals.discard(self, textOf(moveId)))
  add('$history', 'readonly', (self: SnapshotSelf) =>
    self
      .hidden(HISTORY)
      .entries({ limit: HISTORY_MOST })
      .map(([, entry]) => entry),
  )
  add('$describe', 'readonly', (self: SnapshotSelf) => ({
    ...describe(self.type),
    id: self.id,
    version: self.version,
    references: references(self),
  }))
  return entries
}
