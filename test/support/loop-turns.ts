import { closeSync, openSync, readSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'

/**
 * CPU time of this thread in ms. What other processes take of the machine does not count, as it does in the time of a clock.
 * Linux tells it a thread; elsewhere it is the time of the clock.
 */
const threadCpu = (): (() => number) & { close(): void } => {
  if (process.platform !== 'linux') return Object.assign(() => performance.now(), { close: () => undefined })
  const fd = openSync(`/proc/${process.pid}/task/${process.pid}/schedstat`, 'r')
  const held = Buffer.alloc(64)
  const read = () => Number(held.toString('latin1', 0, readSync(fd, held, 0, 64, 0)).split(' ', 1)[0]) / 1e6
  return Object.assign(read, { close: () => closeSync(fd) })
}

export interface LoopTurns {
  /** CPU ms of the longest turn of the event loop, without collections of garbage. */
  readonly longestMs: number
  readonly rawMs: number
  readonly garbageMs: number
  /** Turns in all. */
  readonly turns: number
  /** CPU ms of all turns. */
  readonly cpuMs: number
}

/** Runs work of this thread, and tells how long it held the event loop at a time. */
export const loopTurns = async <T>(work: () => Promise<T>): Promise<LoopTurns & { readonly made: T }> => {
  const cpu = threadCpu()
  let garbageMs = 0
  const collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) garbageMs += duration
  })
  collections.observe({ entryTypes: ['gc'] })
  let done = false
  const ended = work().finally(() => (done = true))
  ended.catch(() => undefined)
  let [longestMs, turns, cpuMs, rawMs] = [0, 0, 0, 0]
  try {
    for (let [before, garbage] = [cpu(), 0]; !done; turns++) {
      await turn()
      const now = cpu()
      for (const { duration } of collections.takeRecords()) garbageMs += duration
      const took = Math.max(0, now - before - (garbageMs - garbage))
      cpuMs += now - before
      longestMs = Math.max(longestMs, took)
      rawMs = Math.max(rawMs, now - before)
      ;[before, garbage] = [now, garbageMs]
    }
  } finally {
    collections.disconnect()
    cpu.close()
  }
  return { rawMs, garbageMs, longestMs, turns, cpuMs, made: await ended }
}
