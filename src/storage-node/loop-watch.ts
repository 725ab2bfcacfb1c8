import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

/** Delays from here on are told. */
const SLOW_MS = 250
const EVERY_MS = 1000
/** The delay is looked at so often: a hold-up of the loop that is shorter may be missed. */
const RESOLUTION_MS = 20
const MINUTE_MS = 60_000

/** How long the event loop was held up in the last minute, in ms. */
export interface LoopDelay {
  /** 99 of 100 turns, looked at every 20 ms, waited no longer. */
  readonly p99Ms: number
  readonly maxMs: number
}

export interface LoopWatch {
  /** Of the last minute, or since the watch began. */
  delay(): LoopDelay
  end(): void
}

const rounded = (ms: number): number => Math.round(Math.max(0, ms) * 10) / 10

/**
 * Looks at the delay of the event loop.
 * @param slow told of delays that are long enough to be noticed, in ms, at most once a second
 */
export const watchLoop = (slow: (ms: number) => void = () => undefined): LoopWatch => {
  const begin = (): IntervalHistogram => {
    const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    delays.enable()
    return delays
  }
  const second = begin()
  // Two, each begun anew when the other has half a minute: the older one knows 30 to 60 s.
  let [older, newer] = [begin(), begin()]
  let turned = performance.now()
  const timer = setInterval(() => {
    const most = second.max / 1e6
    second.reset()
    const now = performance.now()
    if (now - turned >= MINUTE_MS / 2) {
      turned = now
      older.reset()
      ;[older, newer] = [newer, older]
    }
    if (most >= SLOW_MS) slow(most)
  }, EVERY_MS)
  timer.unref()
  return {
    delay() {
      const { count } = older
      // What is recorded is the time between two looks.
      return count === 0
        ? { p99Ms: 0, maxMs: 0 }
        : { p99Ms: rounded(older.percentile(99) / 1e6 - RESOLUTION_MS), maxMs: rounded(older.max / 1e6 - RESOLUTION_MS) }
    },
    end() {
      clearInterval(timer)
      for (const delays of [second, older, newer]) delays.disable()
    },
  }
}
