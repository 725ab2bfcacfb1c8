import { setTimeout as pause } from 'node:timers/promises'
import { type Ending, endingOf, startSelf } from './self-process.ts'

const SUPERVISED = 'ACTIVE_STORAGE_SUPERVISED'
/** Told when the supervisor of this process has ended: whoever starts the node again would find its folder taken. */
export const onSupervisorGone = (stop: () => void): void => {
  if (process.env[SUPERVISED] !== undefined) process.stdin.resume().once('end', stop).unref()
}

/** Told to stop, or not to be started as it is asked for: exit codes of src/cli.ts, and of a second signal. */
const FINAL: ReadonlySet<number> = new Set([0, 2, 7, 8, 9, 130, 143])
/** A node that has lived so long begins anew: its next death is the first. */
const STEADY_MS = 10_000
const FIRST_MS = 100
const LONGEST_MS = 5000

/** How long to wait before the next start, after so many deaths in quick succession, the last one included. */
export const waitAfter = (deaths: number): number => (deaths <= 1 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (deaths - 2)))

const isFinal = ({ code, signal }: Ending): boolean =>
  signal === undefined ? FINAL.has(code) : signal === 'SIGTERM' || signal === 'SIGINT'

/**
 * Runs this command line in a process of its own, and again each time that this one dies, until it ends as it was told to.
 * @returns the exit code of the last
 */
export const supervise = async (args: readonly string[], log: (line: string) => void): Promise<number> => {
  const stopping = new AbortController()
  let stopWith: ((signal: NodeJS.Signals) => void) | undefined
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stopping.abort()
      stopWith?.(signal)
    })
  }
  for (let deaths = 0; ;) {
    const began = performance.now()
    // In a group of its own: what a terminal sends to all would reach it twice, and a second signal stops a node at once.
    const child = startSelf(args, { stdio: ['pipe', 'inherit', 'inherit'], detached: true, env: { [SUPERVISED]: '1' } })
    stopWith = (signal) => void child.kill(signal)
    const ending = await endingOf(child)
    stopWith = undefined
    if (stopping.signal.aborted || isFinal(ending)) return ending.code
    const lived = performance.now() - began
    deaths = lived >= STEADY_MS ? 1 : deaths + 1
    const wait = waitAfter(deaths)
    log(
      `node process ${child.pid} ended with ${ending.signal ?? `exit code ${ending.code}`} after ${(lived / 1000).toFixed(1)} s: starting it again ${wait === 0 ? 'at once' : `in ${wait} ms`}`,
    )
    await pause(wait, undefined, { signal: stopping.signal }).catch(() => undefined)
    if (stopping.signal.aborted) return 0
  }
}
