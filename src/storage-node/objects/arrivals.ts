import { steadyNow } from '../../core/clock.ts'
import { failure } from '../../core/errors.ts'
import type { Value } from '../../core/value.ts'
import type { CommitQueue } from '../store/commit-queue.ts'
import { toBytes } from '../../wire/stored.ts'
import { keyOf, partsOf, type Write } from '../store/store.ts'
import {
  type Arriving,
  arrivedKey,
  arrivedPrefix,
  arrivingKey,
  decodeArriving,
  decodeMoved,
  discardedKey,
  discardedPrefix,
  encodeMove,
  type Moved,
  movedKey,
} from './moves.ts'
import { decodeRecord, keepState, newSpace, recordKey, spacePrefix } from './record.ts'
import { receivedRow, resultsPrefix } from './recorded-results.ts'
import type { Declared } from './declared.ts'
import type { DraftSelf } from './selves.ts'
import { deadSpace } from './spaces.ts'
import { arrivingPlace, contentTarget, entryUses, recordPlace, targetsOfState, unused, used, usesChanged } from './uses.ts'

/** The target's side of a move: methods that the source calls on the object which is not there yet. */
export interface Arrivals {
  /** Takes a part of the copy. Nobody can call the object meanwhile. */
  receive(self: DraftSelf, moveId: string, from: string, what: Value): Promise<void>
  /**
   * The source has committed the move: from now on the object lives here. A repeated message changes nothing.
   * @throws `not-found` where no complete copy of that move is here
   */
  activate(self: DraftSelf, moveId: string): Promise<void>
  /** The move came to nothing. */
  discard(self: DraftSelf, moveId: string): void
  /** Resolves when an object that is on its way here has come, or its move has come to nothing; undefined where none is. */
  awaited(type: string, id: string): Promise<void> | undefined
}

const isRows = (value: Value): value is readonly (readonly [Uint8Array, Uint8Array])[] =>
  Array.isArray(value) &&
  value.every((row: Value) => Array.isArray(row) && row.length === 2 && row.every((part: Value) => part instanceof Uint8Array))

const has = <K extends string>(value: Value, key: K): value is { readonly [key in K]: Value } =>
  typeof value === 'object' && value !== null && key in value

const PAGE = 1000
/** Activated moves of one name that are remembered, and as many that came to nothing. */
const OVER_MOST = 256
/** A host keeps at most 256 MiB of recorded results; this bounds what one move can leave of them. */
const RESULTS_MOST = 1_000_000

export const createArrivals = (queue: CommitQueue, sweep: (space: string) => void, declared: (type: string) => Declared): Arrivals => {
  /** The record as this host's declaration has it: an object that it could not read must not come here. */
  const present = ({ type }: DraftSelf, record: Value): Value => {
    const known = declared(type)
    if (!has(record, 'declared') || typeof record.declared !== 'number')
      throw failure('malformed-message', 'a moving object whose record says no version of its type')
    const state = has(record, 'state') ? record.state : undefined
    const now = record.declared === known.type.version ? state : known.migrate(state, record.declared)
    known.checkState(now)
    return { ...Object(record), declared: known.type.version, state: valueOf(now) }
  }

  const arriving = ({ type, id }: DraftSelf): Arriving | undefined => {
    const bytes = queue.get(arrivingKey(type, id))
    return bytes === undefined ? undefined : decodeArriving(bytes)
  }
  /** Where an object of this name has gone from here: the note of it is needed until the target has activated its copy. */
  const left = ({ type, id }: DraftSelf): Moved | undefined => {
    const bytes = queue.get(movedKey(type, id))
    return bytes === undefined ? undefined : decodeMoved(bytes)
  }
  /** What the calls wait for that came too early, by the object's key. */
  const waiting = new Map<string, { readonly promise: Promise<void>; readonly resolve: () => void }>()
  /** Objects that are on their way here, or were until lately: where there are none, no call need ask the store. */
  const coming = new Set<string>()
  for (let after: string | undefined, more = true; more;) {
    const page = queue.range(keyOf('arriving'), { ...(after !== undefined && { after }), limit: PAGE })
    for (const [key] of page) coming.add(key)
    after = page.at(-1)?.[0]
    more = page.length === PAGE
  }
  const settle = (self: DraftSelf) => {
    const key = arrivingKey(self.type, self.id)
    self.draft.afterwards.push(() => {
      if (queue.get(key) === undefined) coming.delete(key)
      waiting.get(key)?.resolve()
      waiting.delete(key)
    })
  }
  /** Notes content that came with the object, and lets go of all that was noted. */
  const guardPrefix = ({ type, id }: DraftSelf) => keyOf('arriving-content', type, id)
  const guard = (self: DraftSelf, hash: string): Write => ({ key: guardPrefix(self) + keyOf(hash), value: Buffer.alloc(1) })
  const guards = (self: DraftSelf): readonly Write[] =>
    queue
      .range(guardPrefix(self), { limit: 1_000_000 })
      .flatMap(([key]) => [{ key, value: undefined }, unused(contentTarget(partsOf(key).at(-1) ?? ''), arrivingPlace(self.type, self.id))])
  /** Notes that a move is over, among the last ones under the prefix. */
  const overNotes = (prefix: string, moveId: string): readonly Write[] => {
    const known = queue.range(prefix, { limit: 2 * OVER_MOST })
    const at = (bytes: Buffer) => bytes.readDoubleBE()
    const old = known.toSorted(([, a], [, b]) => at(b) - at(a)).slice(OVER_MOST - 1)
    const value = Buffer.alloc(8)
    value.writeDoubleBE(Math.max(steadyNow(), ...known.map(([, bytes]) => at(bytes) + 1)))
    return [...old.map(([key]) => ({ key, value: undefined })), { key: prefix + keyOf(moveId), value }]
  }
  const isOver = ({ type, id }: DraftSelf, moveId: string): boolean =>
    queue.get(arrivedKey(type, id, moveId)) !== undefined || queue.get(discardedKey(type, id, moveId)) !== undefined
  const drop = (self: DraftSelf, { space }: Arriving) => {
    const dead = deadSpace(space)
    self.draft.writes.set(dead.key, dead.value)
    // The object is not here, so its recorded results came with the copy: a later object must not answer with them.
    self.draft.put(queue.range(resultsPrefix(self.type, self.id), { limit: RESULTS_MOST }).map(([key]) => ({ key, value: undefined })))
    self.draft.afterwards.push(() => sweep(space))
  }

  return {
    async receive(self, moveId, from, what) {
      const { draft } = self
      const key = arrivingKey(self.type, self.id)
      if (draft.before !== undefined)
        throw failure('already-exists', `${self.site} has a ${self.type} named "${self.id}" of its own: delete or rename one of them first`)
      const now = arriving(self)
      if (has(what, 'begin')) {
        if (now?.moveId === moveId) return
        if (isOver(self, moveId)) throw failure('not-found', `${self.type}/${self.id}: this move is over already`)
        // Its source may have committed already: then this copy is the only one.
        if (now?.record !== undefined)
          throw failure(
            'already-exists',
            `${self.site} holds a complete copy of ${self.type}/${self.id} that ${now.from} is moving here: start ${now.from}, so that it completes or cancels that move, then repeat this one`,
          )
        const leaving = left(self)
        if (leaving !== undefined && !leaving.confirmed && leaving.to !== from)
          throw failure(
            'already-exists',
            `another ${self.type} named "${self.id}" is still moving from ${self.site} to ${leaving.to}: repeat this move when ${leaving.to} can be reached and has it`,
          )
        if (now !== undefined) drop(self, now)
        coming.add(key)
        // Its space needs no note: what is on its way outlives a crash.
        draft.put([{ key, value: encodeMove({ moveId, from, space: newSpace(), record: undefined }) }])
        return
      }
      if (now?.moveId !== moveId)
        throw failure('not-found', `${self.type}/${self.id}: this move has not begun here, or another has taken its place`)
      const rowsUnder = (prefix: string, rows: Value): Write[] => {
        if (!isRows(rows)) throw failure('malformed-message', 'a part of a moving object that is no list of entries')
        return rows.map(([at, value]) => ({ key: prefix + Buffer.from(at).toString('latin1'), value: Buffer.from(value) }))
      }
      if (has(what, 'content') && what.content instanceof Uint8Array) {
        const { hash } = await self.content.put(what.content)
        // Until the object is here, nobody but the move refers to it.
        draft.put([guard(self, hash), used(contentTarget(hash), arrivingPlace(self.type, self.id))])
      } else if (has(what, 'entries')) {
        const rows = rowsUnder(spacePrefix(now.space), what.entries)
        draft.put(rows.flatMap((row) => [row, ...entryUses(row.key, undefined, row.value)]))
      } else if (has(what, 'results')) {
        const rows = rowsUnder(resultsPrefix(self.type, self.id), what.results)
        draft.put(rows.map(({ key: at, value }) => receivedRow(at, value ?? Buffer.alloc(0))))
      } else if (has(what, 'record')) draft.put([{ key, value: encodeMove({ ...now, record: present(self, what.record) }) }])
      else throw failure('malformed-message', 'a part of a moving object that is none')
    },
    async activate(self, moveId) {
      const { type, id } = self
      if (queue.get(arrivedKey(type, id, moveId)) !== undefined) return
      const now = arriving(self)
      const parts: unknown = now?.moveId === moveId ? now.record : undefined
      if (now === undefined || typeof parts !== 'object' || parts === null)
        throw failure(
          'not-found',
          `${self.site} holds no complete copy of ${type}/${id} for this move: restore ${self.site} from a backup that has it`,
        )
      const bytes = toBytes('state' in parts ? valueOf(parts.state) : undefined)
      const state = await keepState(bytes, self.content.put)
      const record = toBytes({ ...parts, space: now.space, state })
      decodeRecord(record, `${type}/${id}`)
      settle(self)
      self.draft.put([
        { key: recordKey(type, id), value: record },
        ...usesChanged(recordPlace(type, id), new Set(), targetsOfState(state, bytes)),
        { key: arrivingKey(type, id), value: undefined },
        // It may have lived here before.
        { key: movedKey(type, id), value: undefined },
        ...overNotes(arrivedPrefix(type, id), moveId),
        ...guards(self),
      ])
    },
    discard(self, moveId) {
      const now = arriving(self)
      if (!isOver(self, moveId)) self.draft.put(overNotes(discardedPrefix(self.type, self.id), moveId))
      if (now?.moveId !== moveId) return
      drop(self, now)
      settle(self)
      self.draft.put([{ key: arrivingKey(self.type, self.id), value: undefined }, ...guards(self)])
    },
    awaited(type, id) {
      if (coming.size === 0) return undefined
      const key = arrivingKey(type, id)
      if (queue.get(key) === undefined) return undefined
      let found = waiting.get(key)
      if (found === undefined) {
        let resolve = () => undefined as void
        const promise = new Promise<void>((done) => (resolve = done))
        waiting.set(key, (found = { promise, resolve }))
      }
      return found.promise
    },
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it came through the codec, which knows nothing but values
const valueOf = (thing: unknown): Value => thing as Value
