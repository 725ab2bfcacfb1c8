import { createHash } from 'node:crypto'

/** All that happened in one run, in order: a hash of it, and the lines where they are wanted. */
export interface Trace {
  add(now: number, line: string): void
  readonly events: number
  /** Hexadecimal SHA-256 of all lines so far. */
  hash(): string
}

const FLUSH = 512

/** @param tell takes each line; undefined: lines are only hashed */
export const createTrace = (tell?: (line: string) => void): Trace => {
  const hash = createHash('sha256')
  let waiting: string[] = []
  let events = 0
  return {
    add(now, line) {
      events++
      const text = `${now} ${line}`
      tell?.(text)
      if (waiting.push(text) < FLUSH) return
      hash.update(waiting.join('\n'))
      waiting = []
    },
    get events() {
      return events
    },
    hash: () => hash.copy().update(waiting.join('\n')).digest('hex'),
  }
}
