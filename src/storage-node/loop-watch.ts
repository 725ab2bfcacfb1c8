import { monitorEventLoopDelay } from 'node:perf_hooks'

/** Delays from here on are told. */
const SLOW_MS = 250
const EVERY_MS = 1000
const RESOLUTION_MS = 20

/** Tells of delays of the event loop that are long enough to be noticed. @returns ends it */
export const watchLoop = (slow: (ms: number) => void): (() => void) => {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  const timer = setInterval(() => {
    const most = delays.max / 1e6
    delays.reset()
    if (most >= SLOW_MS) slow(most)
  }, EVERY_MS)
  timer.unref()
  return () => {
    clearInterval(timer)
    delays.disable()
  }
}
