import { setImmediate as nextMoment } from 'node:timers/promises'
import type { Call } from '../../core/transport.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import type { CommitQueue } from '../store/commit-queue.ts'
import { keyOf, type Write } from '../store/store.ts'
import type { View } from './tables.ts'

/** How long the results of keyed calls are kept, so that a repeated call finds the first one's. */
export interface RecordLimits {
  /** Default 24 hours: longer than any client repeats a call. */
  readonly ttlMs?: number
  /** Bytes of all results together; beyond it the oldest go before their time. Default 256 MiB. */
  readonly bytes?: number
}

const RESULTS = 'result'
/** Of one object; moved and backed up with it. */
export const resultsPrefix = (type: string, id: string) => keyOf(RESULTS, type, id)
const resultKey = ({ type, object }: Call, idempotencyKey: string) => keyOf(RESULTS, type, object, idempotencyKey)

/** The time of the call stands before its result, so that age can be told without decoding. */
const STAMP = 8
const PAGE = 1000
const SWEEP_MS = 60_000

export const recordOf = (call: Call, key: string, result: Value): Write => {
  const bytes = toBytes(result)
  const value = Buffer.allocUnsafe(STAMP + bytes.byteLength)
  value.writeDoubleBE(Date.now())
  bytes.copy(value, STAMP)
  return { key: resultKey(call, key), value }
}

/** The recorded result of an earlier call with that key. */
export const recordedResult = (view: Pick<View, 'get'>, call: Call, key: string): { readonly result: Value } | undefined => {
  const bytes = view.get(resultKey(call, key))
  return bytes === undefined ? undefined : { result: fromBytes(bytes.subarray(STAMP)) }
}

/** Deletes results that are over their time, or the oldest where there are too many bytes of them. */
export const createRecordSweeper = (queue: CommitQueue, { ttlMs = 24 * 3600_000, bytes: most = 256 * 1024 ** 2 }: RecordLimits = {}) => {
  let stopped = false

  const pages = async function* () {
    for (let after: string | undefined; !stopped;) {
      const page = queue.range(keyOf(RESULTS), { ...(after !== undefined && { after }), limit: PAGE })
      yield page
      after = page.at(-1)?.[0]
      if (page.length < PAGE) return
      await nextMoment()
    }
  }
  // What the last look found, and what was recorded since: a look at everything is worth it only where something goes.
  let looked = 0
  let total = 0

  /** The time before which results go. */
  const cutoff = async (now: number): Promise<number> => {
    const byMinute = new Map<number, number>()
    total = 0
    for await (const page of pages()) {
      for (const [key, value] of page) {
        const minute = Math.floor(value.readDoubleBE() / 60_000)
        const size = key.length + value.byteLength
        byMinute.set(minute, (byMinute.get(minute) ?? 0) + size)
        total += size
      }
    }
    let before = now - ttlMs
    for (const [minute, size] of [...byMinute].sort(([a], [b]) => a - b)) {
      if (total <= most) break
      total -= size
      before = Math.max(before, (minute + 1) * 60_000)
    }
    return before
  }
  const sweep = async (now = Date.now()): Promise<number> => {
    looked = now
    const before = await cutoff(now)
    let gone = 0
    for await (const page of pages()) {
      const old = page.filter(([, value]) => value.readDoubleBE() < before).map(([key]) => ({ key, value: undefined }))
      if (old.length === 0) continue
      await queue.room()
      await queue.commit(old, queue.generation).durable
      gone += old.length
    }
    return gone
  }

  // One that cannot be done now, on a full disk, is done at the next time.
  const timer = setInterval(() => {
    if (total > most || Date.now() - looked > ttlMs / 24) void sweep().catch(() => undefined)
  }, SWEEP_MS)
  timer.unref()
  return {
    /** Deletes now what is to go. @returns how many results went */
    sweep,
    /** Told of each result that is recorded. */
    recorded: ({ key, value }: Write) => {
      total += key.length + (value?.byteLength ?? 0)
    },
    stop: () => {
      stopped = true
      clearInterval(timer)
    },
  }
}
