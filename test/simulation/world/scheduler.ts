import type { Draws } from './draws.ts'
import type { Trace } from './trace.ts'

export interface Scheduled {
  cancel(): void
}

/** Virtual time, and all that is to happen in it. */
export interface Scheduler {
  /** Milliseconds since the run began. */
  readonly now: number
  /** Runs `act` after so many milliseconds; of what is due at one time, the draws decide the order. */
  in(ms: number, label: string, act: () => void): Scheduled
  /** Resolves after so many milliseconds. */
  pause(ms: number, label: string): Promise<void>
  /**
   * Runs what is due, one thing after the other, until `done` says so. Between two of them all promises settle.
   * @returns false where nothing is left to happen, or the time `until` has come
   */
  run(done: () => boolean, until?: number): Promise<boolean>
}

interface Event {
  readonly at: number
  readonly order: number
  readonly number: number
  readonly label: string
  act: (() => void) | undefined
}

const isBefore = (a: Event, b: Event): boolean =>
  a.at !== b.at ? a.at < b.at : a.order !== b.order ? a.order < b.order : a.number < b.number

/** A binary heap: the first event on top. */
const createHeap = () => {
  const heap: Event[] = []
  const swap = (a: number, b: number) => ([heap[a], heap[b]] = [heap[b]!, heap[a]!])
  return {
    push(event: Event): void {
      let at = heap.push(event) - 1
      for (let above = (at - 1) >> 1; at > 0 && isBefore(heap[at]!, heap[above]!); above = (at - 1) >> 1) {
        swap(at, above)
        at = above
      }
    },
    pop(): Event | undefined {
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined || heap.length === 0) return first
      heap[0] = last
      for (let at = 0; ;) {
        let least = at
        for (const below of [2 * at + 1, 2 * at + 2]) if (below < heap.length && isBefore(heap[below]!, heap[least]!)) least = below
        if (least === at) return first
        swap(at, least)
        at = least
      }
    },
  }
}

// The real one: product code that is simulated gets another.
const realTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

export const createScheduler = (draws: Draws, trace: Trace): Scheduler => {
  const heap = createHeap()
  let now = 0
  let number = 0
  const scheduler: Scheduler = {
    get now() {
      return now
    },
    in(ms, label, act) {
      const event: Event = { at: now + Math.max(0, ms), order: draws.next(), number: number++, label, act }
      heap.push(event)
      return {
        cancel: () => {
          event.act = undefined
        },
      }
    },
    pause: (ms, label) => new Promise((resolve) => scheduler.in(ms, label, resolve)),
    async run(done, until = Infinity) {
      while (!done()) {
        const event = heap.pop()
        if (event === undefined) return false
        if (event.act === undefined) continue
        if (event.at > until) {
          heap.push(event)
          return false
        }
        now = event.at
        trace.add(now, event.label)
        event.act()
        await realTurn()
      }
      return true
    },
  }
  return scheduler
}
