import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicNow } from '../../core/clock.ts'
import { ContentRef } from '../../core/content.ts'
import { failure, isActiveStorageError } from '../../core/errors.ts'
import { type CallId, newCallId, objectId, type SiteName, siteName, typeName } from '../../core/ids.ts'
import type { Transport } from '../../core/transport.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import type { CommitQueue } from '../store/commit-queue.ts'
import { partsOf, type Write } from '../store/store.ts'
import { decodeMoved, encodeMove, leavingKey, leavingPrefix, movedKey, movedPrefix } from './moves.ts'
import { newSpace, type ObjectRecord, spacePrefix, stateBytesOf } from './record.ts'
import { resultsPrefix } from './recorded-results.ts'
import { referencesIn, withContents } from './references.ts'
import type { DraftSelf } from './selves.ts'

export interface DeparturesOptions {
  readonly site: SiteName
  readonly queue: CommitQueue
  readonly peer: (site: SiteName) => Transport | undefined
}

/** The source's side of a move. */
export interface Departures {
  /** Sends the object of a turn to another site; the turn's commit decides. @returns where it went */
  move(self: DraftSelf, to: Value): Promise<{ readonly site: string }>
  /** Ends what a former process left half done: copies that came to nothing, targets that were not told. */
  begin(): void
  stop(): Promise<void>
}

/** Entries and bytes sent in one call. */
const PAGE = 200
const SENT_BYTES = 1024 * 1024
/** Pauses between tries to reach the other site. */
const FIRST_MS = 200
const LONGEST_MS = 5000

export const createDepartures = ({ site, queue, peer }: DeparturesOptions): Departures => {
  const stopping = new AbortController()
  // Each move that waits for its target listens.
  setMaxListeners(0, stopping.signal)
  const working = new Set<Promise<void>>()

  const ask = (to: SiteName, type: string, id: string, method: string, args: readonly Value[], callId: CallId, timeoutMs = 30_000) => {
    const transport = peer(to)
    if (transport === undefined)
      throw failure('unavailable', `${site} knows no site "${to}": start it with --peer ${to}=ADDRESS, so that objects can move there`)
    return transport.call({
      type: typeName(type),
      object: objectId(id),
      method,
      kind: 'stateful',
      args,
      context: { callId, chain: [], deadline: monotonicNow() + timeoutMs },
    })
  }
  /** Tells the other site something that it must hear, however long that takes; it stands in the store meanwhile. */
  const stopped = new Promise<never>((_, reject) => {
    stopping.signal.addEventListener('abort', () => reject(failure('unavailable', 'the node is stopping')), { once: true })
  })
  stopped.catch(() => undefined)
  const insist = async (to: SiteName, type: string, id: string, method: string, moveId: string): Promise<void> => {
    for (let wait = FIRST_MS; !stopping.signal.aborted; wait = Math.min(LONGEST_MS, wait * 2)) {
      try {
        await Promise.race([ask(to, type, id, method, [moveId], newCallId(), 5000), stopped])
        return
      } catch (error) {
        // The target has no copy to activate: asking again cannot change that.
        if (method === '$activate' && isActiveStorageError(error, 'not-found')) throw error
        await pause(wait, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    }
    throw failure('unavailable', 'the node is stopping')
  }
  /** What does not end before the node stops is begun again at the next start. */
  const settle = (work: () => Promise<void>): Promise<void> => {
    const done = work()
    const ended = done.catch(() => undefined)
    working.add(ended)
    void ended.then(() => working.delete(ended))
    return done
  }
  /** Commits what has to be on disk, however long the disk takes no writes. */
  const persist = async (write: () => Write | undefined): Promise<void> => {
    for (let wait = FIRST_MS; ; wait = Math.min(LONGEST_MS, wait * 2)) {
      try {
        const now = write()
        if (now !== undefined) await queue.commit([now], queue.generation).durable
        return
      } catch (error) {
        if (stopping.signal.aborted) throw error
        await Promise.race([pause(wait, undefined, { signal: stopping.signal }), stopped])
      }
    }
  }
  const confirm = (type: string, id: string, to: SiteName, moveId: string) =>
    settle(async () => {
      await insist(to, type, id, '$activate', moveId)
      await persist(() => {
        const now = queue.get(movedKey(type, id))
        // It may have come back meanwhile, or even left again.
        if (now === undefined || decodeMoved(now)?.moveId !== moveId) return undefined
        return { key: movedKey(type, id), value: encodeMove({ to, moveId, confirmed: true }) }
      })
    })
  const discard = (type: string, id: string, to: SiteName, moveId: string): Promise<void> =>
    settle(async () => {
      // Where the commit has happened after all, the object lives there.
      if (queue.get(leavingKey(type, id, moveId)) === undefined) return
      await insist(to, type, id, '$discard', moveId)
      await persist(() => ({ key: leavingKey(type, id, moveId), value: undefined }))
    })

  /** Sends all that belongs to the object, so that the target has it on disk. */
  const copy = async (self: DraftSelf, before: ObjectRecord, to: SiteName, moveId: string): Promise<void> => {
    const { type, id } = self
    const send = (what: Value) => ask(to, type, id, '$receive', [moveId, site, what], self.callId)
    const sent = new Set<string>()
    /** The value as the target is to have it: content that was at home here goes along. */
    const along = async (value: Value): Promise<Value> => {
      for (const ref of referencesIn(value)) {
        if (!(ref instanceof ContentRef) || ref.home !== site || sent.has(ref.hash)) continue
        sent.add(ref.hash)
        await send({ content: await self.content.read(ref, self.signal) })
      }
      return withContents(value, (ref) => (ref.home === site ? new ContentRef(ref.hash, ref.bytes, to) : ref))
    }
    await send({ begin: true })
    for (const [kind, prefix] of [
      ['entries', spacePrefix(before.space)],
      ['results', resultsPrefix(type, id)],
    ] as const) {
      for (let after: string | undefined; ;) {
        const page = queue.range(prefix, { ...(after !== undefined && { after }), limit: PAGE })
        let rows: [Uint8Array, Uint8Array][] = []
        let bytes = 0
        for (const [key, value] of page) {
          const moved = kind === 'entries' ? toBytes(await along(fromBytes(value))) : value
          rows.push([Buffer.from(key.slice(prefix.length), 'latin1'), moved])
          bytes += moved.byteLength
          if (bytes < SENT_BYTES) continue
          await send({ [kind]: rows })
          ;[rows, bytes] = [[], 0]
        }
        if (rows.length > 0) await send({ [kind]: rows })
        after = page.at(-1)?.[0]
        if (page.length < PAGE) break
      }
    }
    const { space: _, state, ...rest } = before
    const bytes = await stateBytesOf(state, (ref) => self.content.read(ref, self.signal))
    await send({ record: { ...rest, state: await along(fromBytes(bytes)) } })
  }

  return {
    async move(self, target) {
      const to = siteName(target)
      const { draft } = self
      if (draft.before === undefined) throw failure('not-found', `there is no ${self.type} named "${self.id}"`)
      if (to === site) return { site }
      const moveId = newSpace()
      // On disk before the target hears of it, so that a copy that came to nothing is always found again.
      await queue.commit([{ key: leavingKey(self.type, self.id, moveId), value: encodeMove({ to, moveId }) }], queue.generation).durable
      try {
        await copy(self, draft.before, to, moveId)
      } catch (error) {
        discard(self.type, self.id, to, moveId).catch(() => undefined)
        throw isActiveStorageError(error) ? error : failure('unavailable', `the move to ${to} failed: ${String(error)}`, error)
      }
      draft.deleted = true
      draft.writes.set(leavingKey(self.type, self.id, moveId), undefined)
      draft.writes.set(movedKey(self.type, self.id), encodeMove({ to, moveId, confirmed: false }))
      // The caller is answered when the target serves the object, or the time is over: then that goes on by itself.
      draft.lost = () => void discard(self.type, self.id, to, moveId).catch(() => undefined)
      draft.beforeReply = () =>
        confirm(self.type, self.id, to, moveId).catch((error: unknown) => {
          // Where this node stops first, its next start confirms the move.
          if (!isActiveStorageError(error, 'unavailable')) throw error
        })
      return { site: to }
    },
    begin() {
      const all = (prefix: string, act: (type: string, id: string, to: SiteName, moveId: string) => Promise<void>) => {
        for (let after: string | undefined; ;) {
          const page = queue.range(prefix, { ...(after !== undefined && { after }), limit: PAGE })
          for (const [key, bytes] of page) {
            const [, type = '', id = ''] = partsOf(key)
            const move = decodeMoved(bytes)
            if (move !== undefined && !move.confirmed) act(type, id, siteName(move.to), move.moveId).catch(() => undefined)
          }
          after = page.at(-1)?.[0]
          if (page.length < PAGE) return
        }
      }
      all(leavingPrefix, discard)
      all(movedPrefix, confirm)
    },
    async stop() {
      stopping.abort()
      await Promise.all(working)
    },
  }
}
