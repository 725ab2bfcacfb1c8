import { type ActiveStorageError, type Code } from '../core/errors.ts'

export interface ReporterOptions {
  /** Takes one line, without its end. */
  readonly write: (line: string) => void
  /** Of the time between two lines of one kind, in ms. Default 10,000. */
  readonly everyMs?: number
  /** Milliseconds; default `performance.now`. */
  readonly now?: () => number
  /** Runs work later, and does not keep the process alive; default `setTimeout`. @returns calls it off */
  readonly later?: (ms: number, work: () => void) => () => void
}

/** Says on a node's log what fails: the first of a kind at once, then what came since, once in a while. */
export interface Reporter {
  /** A call that ended with an error. What its caller or the protocol does as a matter of course is left out. */
  failed(error: ActiveStorageError, object: string, method: string): void
  /** Whether the disk takes writes, and why not. */
  writable(now: boolean, why?: string): void
  /** How long the event loop was held up, at the most. */
  slow(ms: number): void
  /** Says what is still to be said. */
  close(): void
}

/** A caller that gave up, and what the client and the node settle between them. */
const USUAL: ReadonlySet<Code> = new Set(['cancelled', 'moved', 'missing-inputs'])
/** Errors whose words are the node's own: those of others may hold what callers sent. */
const OWN_WORDS: ReadonlySet<Code> = new Set([
  'overloaded',
  'read-only',
  'storage-failed',
  'worker-died',
  'unavailable',
  'declaration-changed',
  'internal',
])
const LONGEST_TEXT = 300
const LONGEST_NAME = 80
/** Names of objects and methods that are counted by themselves; the rest are counted together. */
const MOST_NAMES = 64
const NAMES_TOLD = 3
const OTHERS = 'others'

// A line break in a name would begin a line of its own.
const oneLine = (text: string, most: number): string => text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, most)

const inBackground = (ms: number, work: () => void) => {
  const timer = setTimeout(work, ms)
  timer.unref()
  return () => clearTimeout(timer)
}

interface Kind {
  count: number
  readonly names: Map<string, number>
  readonly callOff: () => void
}

export const createReporter = ({
  write,
  everyMs = 10_000,
  now = () => performance.now(),
  later = inBackground,
}: ReporterOptions): Reporter => {
  const kinds = new Map<Code, Kind>()
  const seconds = Math.round(everyMs / 1000)
  let slowSince: number | undefined
  let wasWritable = true

  const told = ({ names }: Kind): string => {
    const most = [...names].sort(([, a], [, b]) => b - a)
    const rest = most.slice(NAMES_TOLD).reduce((sum, [, count]) => sum + count, 0)
    return [...most.slice(0, NAMES_TOLD).map(([name, count]) => `${name} ${count}`), ...(rest > 0 ? [`${OTHERS} ${rest}`] : [])].join(', ')
  }
  const begin = (code: Code) => kinds.set(code, { count: 0, names: new Map(), callOff: later(everyMs, () => sum(code)) })
  /** Says what has come since the last line; where nothing has, the next is a first one again. */
  const sum = (code: Code) => {
    const kind = kinds.get(code)
    if (kind === undefined) return
    kinds.delete(code)
    if (kind.count === 0) return
    write(`${kind.count} more ${kind.count === 1 ? 'call' : 'calls'} failed with ${code} in ${seconds} s: ${told(kind)}`)
    begin(code)
  }

  return {
    failed(error, object, method) {
      const { code } = error
      if (USUAL.has(code)) return
      const name = oneLine(`${object}.${method}`, LONGEST_NAME)
      const kind = kinds.get(code)
      if (kind === undefined) {
        write(`${name} failed with ${code}${OWN_WORDS.has(code) ? `: ${oneLine(error.text, LONGEST_TEXT)}` : ''}`)
        begin(code)
        return
      }
      kind.count++
      const counted = kind.names.has(name) || kind.names.size < MOST_NAMES ? name : OTHERS
      kind.names.set(counted, (kind.names.get(counted) ?? 0) + 1)
    },
    writable(takes, why = '') {
      if (takes === wasWritable) return
      wasWritable = takes
      write(
        takes
          ? 'the disk takes writes again'
          : `the disk takes no writes; reads go on, and it is tried again: ${oneLine(why, LONGEST_TEXT)}`,
      )
    },
    slow(ms) {
      const at = now()
      if (slowSince !== undefined && at - slowSince < everyMs) return
      slowSince = at
      write(
        `the event loop was held up for ${Math.round(ms)} ms: calls wait for it; a method of an object, or a machine that is short of processors, may be why`,
      )
    },
    close() {
      for (const [code, kind] of kinds) {
        kind.callOff()
        if (kind.count > 0) write(`${kind.count} more ${kind.count === 1 ? 'call' : 'calls'} failed with ${code}: ${told(kind)}`)
      }
      kinds.clear()
    },
  }
}
