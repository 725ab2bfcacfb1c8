import { closeSync, openSync, readSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * CPU time of the main thread in ms. What other processes take of the machine does not count, as it does in the time of a
 * clock. Linux tells it for each thread; elsewhere it is the time of the clock.
 */
const threadCpu = (): (() => number) & { close(): void } => {
  if (process.platform !== 'linux') return Object.assign(() => performance.now(), { close: () => undefined })
  const fd = openSync(`/proc/${process.pid}/task/${process.pid}/schedstat`, 'r')
  const held = Buffer.alloc(64)
  const read = () => Number(held.toString('latin1', 0, readSync(fd, held, 0, 64, 0)).split(' ', 1)[0]) / 1e6
  return Object.assign(read, { close: () => closeSync(fd) })
}

const TRIES = 60

/** CPU ms of a fixed piece of work: how fast this machine is now. Linux counts in ticks of some ms, so it is done often. */
export const machineUnit = (): number => {
  const cpu = threadCpu()
  const once = () => {
    const counts = new Map<string, number>()
    for (let index = 0; index < 20_000; index++) counts.set(`key-${index % 5000}`, (counts.get(`key-${index % 5000}`) ?? 0) + index)
  }
  once()
  const began = cpu()
  for (let tries = 0; tries < TRIES; tries++) once()
  const took = cpu() - began
  cpu.close()
  return took / TRIES
}

export interface LoopTurns {
  /** CPU ms of the longest turn of the event loop, without collections of garbage. */
  readonly longestMs: number
  /** CPU ms of the longest turn as it was. */
  readonly wholeMs: number
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
  let [longestMs, wholeMs, cpuMs] = [0, 0, 0]
  try {
    let [before, garbage] = [cpu(), 0]
    const ended = work().finally(() => (done = true))
    ended.catch(() => undefined)
    while (!done) {
      // A timer that is due runs in every turn of the loop; between turns the thread sleeps.
      await pause(1)
      const now = cpu()
      for (const { duration } of collections.takeRecords()) garbageMs += duration
      const took = now - before
      cpuMs += took
      wholeMs = Math.max(wholeMs, took)
      longestMs = Math.max(longestMs, took - (garbageMs - garbage))
      ;[before, garbage] = [now, garbageMs]
    }
    return { longestMs, wholeMs, cpuMs, made: await ended }
  } finally {
    collections.disconnect()
    cpu.close()
  }
}
