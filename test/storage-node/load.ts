import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import type { TestContext } from 'node:test'
import type { Code } from '../../src/core/errors.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import type { Transport } from '../../src/core/transport.ts'
import { loadBlobs, loadCounter, loadLog } from './load-objects.ts'
import { linkTo, remote } from './support.ts'

/** A call that takes longer hangs. */
const timeoutMs = 600_000
const ITEM_BYTES = 8 * 1024
const BLOB_BYTES = 64 * 1024
/** What a node in trouble may answer. Each says that the call has changed nothing. */
const typed: readonly Code[] = ['read-only', 'storage-failed', 'overloaded']

const writers = ['counter', 'log', 'blobs'] as const
export type Kind = (typeof writers)[number]
/** Objects of each kind, each with a writer of its own, so that it is known what each object holds. */
const OBJECTS = 3

/** The bytes that the object's n-th call keeps: no two of them are equal. */
const blobOf = (object: string, index: number): Buffer => {
  const seed = createHash('sha256').update(`${object} ${index}`).digest()
  return Buffer.concat(Array.from({ length: BLOB_BYTES / seed.byteLength }, () => seed))
}

interface Made {
  readonly kind: Kind
  readonly name: string
  /** What was acknowledged, call by call: an index, of which the bytes are made. */
  readonly acknowledged: number[]
}

export interface Load {
  /** Resolves when the condition holds; looked at after every answer. */
  until(what: string, condition: () => boolean): Promise<void>
  /** What this promise does, unless the load fails before, or the time is over. */
  inTime<T>(what: string, work: Promise<T>): Promise<T>
  readonly acknowledged: Readonly<Record<Kind, number>>
  readonly reads: number
  readonly refused: ReadonlyMap<Code, number>
  /** Each writer makes so many more acknowledged calls, by default none, and ends. */
  finish(more?: number): Promise<void>
}

/**
 * Reads everything back: what was acknowledged is there, whole, and nothing else is.
 * @param unknown what was refused may be there too: the disk failed while it was being written
 */
export const checkAll = async (link: Transport, made: readonly Made[], { unknown = false } = {}): Promise<void> => {
  for (const { kind, name, acknowledged } of made) {
    const most = unknown ? Infinity : acknowledged.length
    const holds = (count: number) => {
      assert.ok(count >= acknowledged.length && count <= most, `${name} holds ${count}, and ${acknowledged.length} were acknowledged`)
    }
    if (kind === 'counter') holds(await remote(link, loadCounter, name).read())
    else if (kind === 'log') {
      const { count, items } = await remote(link, loadLog, name).read()
      holds(count)
      assert.equal(items.length, count, `${name} is torn`)
      assert.deepEqual(
        items.slice(0, acknowledged.length),
        acknowledged.map((index) => index % 251),
        name,
      )
    } else {
      const blobs = remote(link, loadBlobs, name)
      holds(await blobs.count())
      for (const [place, index] of acknowledged.entries())
        assert.ok(blobOf(name, index).equals(await blobs.read(place)), `${name}: blob ${place} is not what was kept`)
    }
  }
}

/**
 * Callers of counters, tables and content, and readers of all of them, against one node. Each call's answer is its value
 * or a typed error: with anything else, an end of the connection or of its time among them, the load fails.
 * @param called begins the names of its objects
 */
export const startLoad = (t: TestContext, address: string, called = 'load'): Load & { readonly made: readonly Made[] } => {
  const link = linkTo(t, address)
  const made: Made[] = writers.flatMap((kind) =>
    Array.from({ length: OBJECTS }, (_, index) => ({ kind, name: `${called}-${kind}-${index}`, acknowledged: [] })),
  )
  const refused = new Map<Code, number>()
  const acknowledged = { counter: 0, log: 0, blobs: 0 }
  const answers = new EventEmitter().setMaxListeners(0)
  let reads = 0
  let left = Infinity

  const attempt = async (call: () => Promise<unknown>): Promise<boolean> => {
    try {
      await call()
      return true
    } catch (error) {
      if (!isActiveStorageError(error) || !typed.includes(error.code)) throw error
      refused.set(error.code, (refused.get(error.code) ?? 0) + 1)
      return false
    } finally {
      setImmediate(() => answers.emit('answer'))
    }
  }
  const write = async ({ kind, name, acknowledged: own }: Made): Promise<void> => {
    let more: number | undefined
    for (let index = 0; ; index++) {
      if (left !== Infinity) more ??= left
      if (more === 0) return
      const call = (): Promise<number> => {
        if (kind === 'counter') return remote(link, loadCounter, name, { timeoutMs }).add()
        if (kind === 'log') return remote(link, loadLog, name, { timeoutMs }).append(Buffer.alloc(ITEM_BYTES, index % 251))
        return remote(link, loadBlobs, name, { timeoutMs }).keep(blobOf(name, index))
      }
      const done = await attempt(async () => {
        // One that was refused, and yet happened, would be counted here.
        assert.equal(await call(), own.length + 1, name)
        own.push(index)
      })
      if (!done) continue
      acknowledged[kind]++
      if (more !== undefined) more--
    }
  }
  let reading = true
  const read = async ({ kind, name, acknowledged: own }: Made): Promise<void> => {
    while (reading) {
      const before = own.length
      if (before === 0) {
        await once(answers, 'answer')
        continue
      }
      const found =
        kind === 'counter'
          ? await remote(link, loadCounter, name, { timeoutMs }).read()
          : kind === 'log'
            ? (await remote(link, loadLog, name, { timeoutMs }).read()).count
            : await remote(link, loadBlobs, name, { timeoutMs }).count()
      assert.ok(found >= before, `${name}: ${found} where ${before} were acknowledged before`)
      if (kind === 'blobs') {
        const place = before - 1
        const bytes = await remote(link, loadBlobs, name, { timeoutMs }).read(place)
        assert.ok(blobOf(name, own[place] ?? -1).equals(bytes), `${name}: blob ${place} is not what was kept`)
      }
      reads++
      answers.emit('answer')
    }
  }
  const writing = Promise.all(made.map(write))
  const all = Promise.all([writing, ...writers.map((kind) => read(made.find((one) => one.kind === kind) ?? assert.fail()))])
  const failed = all.then(() => new Promise<never>(() => undefined))
  failed.catch(() => undefined)
  const stop = () => {
    left = 0
    reading = false
    answers.emit('answer')
  }
  t.after(stop)
  const inTime = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const over = AbortSignal.timeout(timeoutMs)
    const late = once(over, 'abort').then(() => assert.fail(`${what}: not in ${timeoutMs} ms`))
    return Promise.race([work, failed, late])
  }

  return {
    made,
    acknowledged,
    refused,
    inTime,
    get reads() {
      return reads
    },
    until(what, condition) {
      const waiting = async () => {
        while (!condition()) await once(answers, 'answer')
      }
      return inTime(what, waiting())
    },
    async finish(more = 0) {
      left = more
      await inTime(`${more} more writes each`, writing)
      stop()
      await all
    },
  }
}
