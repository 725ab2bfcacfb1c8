import { createHash } from 'node:crypto'
import { setImmediate as nextMoment } from 'node:timers/promises'
import { steadyNow } from '../../core/clock.ts'
import { failure } from '../../core/errors.ts'
import { sortSliced } from '../../core/slices.ts'
import type { Call } from '../../core/transport.ts'
import type { Value } from '../../core/value.ts'
import { encode } from '../../wire/codec.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import type { CommitQueue } from '../store/commit-queue.ts'
import { keyOf, partsOf, type Write } from '../store/store.ts'
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

/**
 * A row: the time of the call, so that its age is known without decoding; a zero and a digest of method and arguments; the
 * result. Rows of older versions have no digest: their result follows at once, and never begins with a zero.
 */
const STAMP = 8
const DIGEST = 16
const RESULT = STAMP + 1 + DIGEST
const PAGE = 1000
const SWEEP_MS = 60_000
const MINUTE_MS = 60_000

const digestOf = ({ method, args }: Call): Buffer => {
  const { body, segments } = encode(args)
  const hash = createHash('sha256').update(JSON.stringify([method, segments.map(({ dtype, shape }) => [dtype, shape])]))
  hash.update(body)
  for (const { bytes } of segments) hash.update(bytes)
  return hash.digest().subarray(0, DIGEST)
}

/** A tick of these stamps: doubles of today's time hold a quarter of it. */
const TICK_MS = 0.001
let last = 0
/** The time, later than every one before it: results of one ms are evicted in their order, too. */
const stamp = (): number => (last = Math.max(steadyNow(), last + TICK_MS))

export const recordOf = (call: Call, key: string, result: Value): Write => {
  const bytes = toBytes(result)
  const value = Buffer.alloc(RESULT + bytes.byteLength)
  value.writeDoubleBE(stamp())
  digestOf(call).copy(value, STAMP + 1)
  bytes.copy(value, RESULT)
  return { key: resultKey(call, key), value }
}

const partsOfRow = (row: Buffer): { readonly digest: Buffer | undefined; readonly result: Buffer } =>
  row[STAMP] === 0
    ? { digest: row.subarray(STAMP + 1, RESULT), result: row.subarray(RESULT) }
    : { digest: undefined, result: row.subarray(STAMP) }

/**
 * The recorded result of an earlier call with that key.
 * @throws `invalid-argument` where that call had another method or other arguments
 */
export const recordedResult = (view: Pick<View, 'get'>, call: Call, key: string): { readonly result: Value } | undefined => {
  const row = view.get(resultKey(call, key))
  if (row === undefined) return undefined
  const { digest, result } = partsOfRow(row)
  if (digest !== undefined && !digest.equals(digestOf(call)))
    throw failure(
      'invalid-argument',
      `the idempotency key "${key.slice(0, 80)}" belongs to an earlier call with another method or other arguments: use a new key for each call`,
    )
  return { result: fromBytes(result) }
}

const ageKnown = (row: Buffer): boolean => row.byteLength > STAMP && row.readDoubleBE() >= 0 && Number.isFinite(row.readDoubleBE())

/** @throws where a row is no recorded result */
export const checkRow = (row: Buffer): void => {
  if (!ageKnown(row)) throw new Error('it does not say when the call was')
  fromBytes(partsOfRow(row).result)
}

/**
 * A row that came from another host, as it is stored here: a time to come would keep it for ever.
 * @throws `malformed-message` where it is no recorded result
 */
export const receivedRow = (key: string, row: Buffer): Write => {
  const refuse = (cause?: unknown) => failure('malformed-message', 'a recorded result of a moving object that is none', cause)
  if (partsOf(key).length !== 4 || keyOf(...partsOf(key)) !== key) throw refuse()
  try {
    checkRow(row)
  } catch (error) {
    throw refuse(error)
  }
  const value = Buffer.from(row)
  value.writeDoubleBE(Math.min(row.readDoubleBE(), steadyNow()))
  return { key, value }
}

/** The minute of a row; what has no time comes before all that has one. */
const minuteOf = (row: Buffer): number => (ageKnown(row) ? Math.floor(row.readDoubleBE() / MINUTE_MS) : -1)

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

  /** The minute in which the limit of bytes is crossed, and how many bytes go of that minute's results. */
  const oversize = async (): Promise<{ readonly minute: number; readonly bytes: number }> => {
    const byMinute = new Map<number, number>()
    total = 0
    for await (const page of pages()) {
      for (const [key, value] of page) {
        const minute = minuteOf(value)
        byMinute.set(minute, (byMinute.get(minute) ?? 0) + key.length + value.byteLength)
        total += key.length + value.byteLength
      }
    }
    let left = total - most
    for (const [minute, size] of [...byMinute].sort(([a], [b]) => a - b)) {
      if (left <= size) return { minute, bytes: Math.max(0, left) }
      left -= size
    }
    return { minute: -1, bytes: 0 }
  }
  /** The oldest results of a minute that have so many bytes together. */
  const oldestOf = async (minute: number, bytes: number): Promise<ReadonlySet<string>> => {
    const rows: { readonly key: string; readonly at: number; readonly size: number }[] = []
    if (bytes > 0) {
      for await (const page of pages()) {
        for (const [key, value] of page)
          if (minuteOf(value) === minute)
            rows.push({ key, at: ageKnown(value) ? value.readDoubleBE() : -1, size: key.length + value.byteLength })
      }
    }
    const found = new Set<string>()
    let left = bytes
    for (const { key, size } of await sortSliced(rows, (a, b) => a.at - b.at)) {
      if (left <= 0) break
      found.add(key)
      left -= size
    }
    return found
  }
  const sweep = async (now = steadyNow()): Promise<number> => {
    looked = now
    const { minute, bytes } = await oversize()
    const oldest = await oldestOf(minute, bytes)
    const isOver = (key: string, row: Buffer) =>
      !ageKnown(row) || row.readDoubleBE() < now - ttlMs || minuteOf(row) < minute || oldest.has(key)
    let gone = 0
    for await (const page of pages()) {
      const over = page.filter(([key, row]) => isOver(key, row))
      if (over.length === 0) continue
      await queue.room()
      await queue.commit(
        over.map(([key]) => ({ key, value: undefined })),
        queue.generation,
      ).durable
      gone += over.length
      for (const [key, row] of over) total -= key.length + row.byteLength
    }
    return gone
  }

  // One that cannot be done now, on a full disk, is done at the next time.
  const timer = setInterval(() => {
    if (total > most || steadyNow() - looked > ttlMs / 24) void sweep().catch(() => undefined)
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
