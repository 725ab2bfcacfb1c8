import { setTimeout as pause } from 'node:timers/promises'
import type { Measurement } from '../support/claim.ts'
import { forgetPeak, MIB, peakOf, rssOf, rssParts } from '../support/processes.ts'
import { counterId } from './counter-id.ts'
import { openCounters } from './stored.ts'

const LIMIT_MIB = 64
/** Just below what is kept outside the store, as content. */
const BYTES = 60 * 1024
const CALLERS = 16
const OBJECTS = Math.ceil((1024 * MIB) / BYTES / CALLERS) * CALLERS
const MIXED_MS = 20_000
const SAMPLE_MS = 50

/** Bytes that tell their object and the write that made them, and that nothing could shorten. */
const bytesFor = (object: number, stamp: number): Uint8Array => {
  const words = new Uint32Array(BYTES / 4)
  let state = (object * 0x9e3779b1 + stamp * 0x85ebca6b + 1) >>> 0
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state = (state ^ (state << 5)) >>> 0
    words[at] = state
  }
  return new Uint8Array(words.buffer)
}

/** Looks again and again how much memory a process has, and of what kind; remembers the most. */
const watch = (pid: number) => {
  let most = { rss: 0, anonymous: 0, fileMapped: 0 }
  let mostAnonymous = 0
  let mostFileMapped = 0
  const look = () => {
    const now = { rss: rssOf(pid), ...rssParts(pid) }
    if (now.rss > most.rss) most = now
    mostAnonymous = Math.max(mostAnonymous, now.anonymous)
    mostFileMapped = Math.max(mostFileMapped, now.fileMapped)
  }
  const timer = setInterval(look, SAMPLE_MS)
  return {
    seen: () => ({ anonymousThen: most.anonymous, fileMappedThen: most.fileMapped, mostAnonymous, mostFileMapped }),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

export const evict: Measurement = {
  claims: ['evict-lost', 'evict-rss'],
  about: `A node with --memory ${LIMIT_MIB}MiB and 1 GiB of objects, made, changed and read at random by ${CALLERS} callers: acknowledged writes that are not there in the end, and the most RSS the node had, all of it.`,
  async run() {
    await using sides = await openCounters(['--memory', `${LIMIT_MIB}MiB`])
    const { client, index, node, block } = sides
    await pause(1000)
    const idle = rssOf(node.pid)
    forgetPeak(node.pid)
    using watched = watch(node.pid)
    /** The last write of each object that was acknowledged, and the last one that was sent. */
    const acknowledged = new Int32Array(OBJECTS)
    const sent = new Int32Array(OBJECTS)
    let writes = 0
    let reads = 0
    let refused = 0
    /** A node at its limits says so, and is asked again. */
    const insist = async <T>(call: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await call()
        } catch (error) {
          if (!index.isActiveStorageError(error, 'overloaded')) throw error
          refused++
          await pause(error.details.retryAfterMs)
        }
      }
    }
    const write = async (object: number) => {
      const stamp = (sent[object] = (sent[object] ?? 0) + 1)
      const data = bytesFor(object, stamp)
      await insist(() => client.object(block, counterId(object)).set(stamp, data))
      acknowledged[object] = stamp
      writes++
    }
    /** Whether an object holds what was last acknowledged, or what was sent since. */
    const holds = async (object: number): Promise<boolean> => {
      const { stamp, data } = await insist(() => client.object(block, counterId(object)).get())
      reads++
      const right = stamp >= (acknowledged[object] ?? 0) && stamp <= (sent[object] ?? 0)
      return right && Buffer.compare(data, bytesFor(object, stamp)) === 0
    }
    // Each object belongs to one caller, so that what it holds can be told.
    const each = (work: (caller: number) => Promise<void>) => Promise.all(Array.from({ length: CALLERS }, (_, caller) => work(caller)))
    const own = OBJECTS / CALLERS
    const began = performance.now()
    await each(async (caller) => {
      for (let nth = 0; nth < own; nth++) await write(nth * CALLERS + caller)
    })
    const madeS = (performance.now() - began) / 1000
    let wrong = 0
    const until = performance.now() + MIXED_MS
    await each(async (caller) => {
      while (performance.now() < until) {
        const object = Math.floor(Math.random() * own) * CALLERS + caller
        if (Math.random() < 0.5) await write(object)
        else if (acknowledged[object] !== 0 && !(await holds(object))) wrong++
      }
    })
    const changedS = (performance.now() - began) / 1000 - madeS
    const changes = { writes, reads }
    await each(async (caller) => {
      for (let nth = 0; nth < own; nth++) {
        const object = nth * CALLERS + caller
        if (acknowledged[object] !== 0 && !(await holds(object).catch(() => false))) wrong++
      }
    })
    const peak = peakOf(node.pid)
    const parts = watched.seen()
    return [
      {
        id: 'evict-lost',
        figure: wrong,
        low: wrong,
        high: wrong,
        goal: { atMost: 0 },
        unit: 'writes',
        details: {
          acknowledged: writes,
          refused,
          madePerSecond: OBJECTS / madeS,
          mixedPerSecond: (changes.writes + changes.reads - OBJECTS) / changedS,
          readBackPerSecond: (reads - changes.reads) / ((performance.now() - began) / 1000 - madeS - changedS),
        },
      },
      { id: 'evict-rss', figure: peak, low: peak, high: peak, goal: { atMost: LIMIT_MIB + 64 }, unit: 'MiB', details: { idle, ...parts } },
    ]
  },
}
