import * as crypto from 'node:crypto'
import type { Life } from './life.ts'
import type { Scheduled } from './scheduler.ts'

/** What a process sees in place of Node's globals and modules, wherever these give time, order or chance. */
export interface ProcessGlobals {
  readonly globals: Readonly<Record<string, unknown>>
  readonly modules: Readonly<Record<string, unknown>>
}

/** What `setTimeout` gives. A timer that keeps no process alive is a timer like any other here. */
class Timer {
  scheduled: Scheduled | undefined
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return true
  }
}

/** Two callbacks of one moment may run in either order. */
const MOMENT_MS = 0.01

export const globalsOf = (life: Life): ProcessGlobals => {
  const setTimeout = (act: (...args: unknown[]) => void, ms = 1, ...args: unknown[]): Timer => {
    const timer = new Timer()
    timer.scheduled = life.in(Math.max(1, ms), 'timer', () => act(...args))
    return timer
  }
  const setInterval = (act: (...args: unknown[]) => void, ms = 1, ...args: unknown[]): Timer => {
    const timer = new Timer()
    const again = () => {
      timer.scheduled = life.in(Math.max(1, ms), 'interval', () => {
        again()
        act(...args)
      })
    }
    again()
    return timer
  }
  const setImmediate = (act: (...args: unknown[]) => void, ...args: unknown[]): Timer => {
    const timer = new Timer()
    timer.scheduled = life.in(life.draws.between(0, MOMENT_MS), 'immediate', () => act(...args))
    return timer
  }
  const clear = (timer: unknown) => {
    if (timer instanceof Timer) timer.scheduled?.cancel()
  }
  const aborted = (signal: AbortSignal) =>
    Object.assign(new Error('The operation was aborted', { cause: signal.reason }), { name: 'AbortError', code: 'ABORT_ERR' })
  const later = <T>(begin: (act: () => void) => Timer, value: T, { signal }: { signal?: AbortSignal } = {}): Promise<T> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(aborted(signal))
      const stop = () => {
        clear(timer)
        reject(aborted(signal!))
      }
      const timer = begin(() => {
        signal?.removeEventListener('abort', stop)
        resolve(value)
      })
      signal?.addEventListener('abort', stop, { once: true })
    })
  const timersPromises = {
    setTimeout: <T>(ms: number, value: T, options?: { signal?: AbortSignal }) => later((act) => setTimeout(act, ms), value, options),
    setImmediate: <T>(value: T, options?: { signal?: AbortSignal }) => later(setImmediate, value, options),
  }
  class SimulatedDate extends Date {
    constructor(...args: [] | [number | string]) {
      super(args.length === 0 ? life.wall() : args[0])
    }
    static override now = () => life.wall()
  }
  const simulatedMath: Math = Object.create(Math, { random: { value: () => life.draws.next() } })
  return {
    globals: {
      setTimeout,
      setInterval,
      setImmediate,
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
      Date: SimulatedDate,
      Math: simulatedMath,
      performance: { now: life.monotonic },
      process: { env: {}, pid: 1, platform: 'linux', memoryUsage: { rss: () => 0 } },
    },
    modules: {
      'node:timers/promises': timersPromises,
      'node:crypto': {
        ...crypto,
        randomBytes: (count: number) => life.draws.bytes(count),
        randomUUID: () => {
          const hex = life.draws.bytes(16).toString('hex')
          return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
        },
      },
    },
  }
}
