import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type FormatName, type Line, OUR_FAULT, type Outcome } from './format.ts'

const child = fileURLToPath(new URL('./child.ts', import.meta.url))
const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface Bounds {
  readonly cpuMs: number
  /** Without an answer for so long, whatever the processor did: a promise that nobody settles. */
  readonly silentMs: number
  /** Resident memory of the process at the most, in MiB. */
  readonly processMib: number
}

/** Why a process ended while it read an input. */
export interface Death {
  readonly index: number
  /** False where it ended after its answer, or between two. */
  readonly during: boolean
  readonly kind: 'exit' | 'hang' | 'memory'
  readonly says: string
}

const TICKS_A_SECOND = 100
const cpuMsOf = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_A_SECOND
  } catch {
    return 0
  }
}
const mibOf = (pid: number): number => {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

const WATCH_MS = 100

/**
 * Reads the inputs of a range in one process, up to the first that ends it.
 * @returns the index after the last input that was read, and how the process ended where it did not come to the end
 */
export const readRange = async (
  name: FormatName,
  range: { readonly seed: number; readonly from: number; readonly to: number; readonly replay?: string },
  { cpuMs, silentMs, processMib }: Bounds,
  onOutcome: (index: number, outcome: Outcome) => void,
  signal?: AbortSignal,
): Promise<{ readonly next: number; readonly death?: Death }> => {
  const args = [name, String(range.seed), String(range.from), String(range.to), ...(range.replay === undefined ? [] : [range.replay])]
  const started = spawn(process.execPath, ['--import', 'tsx', '--max-old-space-size=1024', child, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1', UV_THREADPOOL_SIZE: '4' },
  })
  const end = () => void started.kill('SIGKILL')
  process.once('exit', end)
  signal?.addEventListener('abort', end)
  let text = ''
  for (const stream of [started.stdout, started.stderr])
    stream?.on('data', (bytes: Buffer) => (text = (text + bytes.toString()).slice(-8000)))
  let begun: { index: number; cpu?: number; at: number } | undefined
  let next = range.from
  let killed: Pick<Death, 'kind' | 'says'> | undefined
  const pid = started.pid ?? 0
  const watch = setInterval(() => {
    if (begun === undefined || killed !== undefined) return
    const cpu = cpuMsOf(pid)
    begun.cpu ??= cpu
    const silent = performance.now() - begun.at
    const mib = mibOf(pid)
    if (cpu - begun.cpu > cpuMs) killed = { kind: 'hang', says: `more than ${cpuMs} ms of processor time` }
    else if (silent > silentMs) killed = { kind: 'hang', says: `no answer within ${silentMs} ms` }
    else if (mib > processMib) killed = { kind: 'memory', says: `${mib.toFixed(0)} MiB of memory, more than ${processMib}` }
    if (killed !== undefined) end()
  }, WATCH_MS)
  const lines = createInterface({ input: started.stdio[3] as Readable })
  lines.on('line', (line) => {
    const told = JSON.parse(line) as Line
    if ('begin' in told) begun = { index: told.begin, at: performance.now() }
    else {
      onOutcome(told.done, told.outcome)
      next = told.done + 1
      begun = undefined
    }
  })
  const closed = once(lines, 'close')
  const [code, killer] = (await once(started, 'exit')) as [number | null, string | null]
  await closed
  clearInterval(watch)
  process.off('exit', end)
  signal?.removeEventListener('abort', end)
  if (signal?.aborted === true) return { next: range.to }
  if (next >= range.to && code === 0) return { next }
  const says = killed?.says ?? `${killer ?? `exit ${code}`}: ${text.trim().slice(-2500)}`
  if (code === OUR_FAULT || (begun === undefined && next === range.from))
    throw new Error(`the process ended before it read anything: ${says}`)
  const index = begun?.index ?? Math.max(range.from, next - 1)
  return { next: Math.max(next, index + 1), death: { index, during: begun !== undefined, kind: killed?.kind ?? 'exit', says } }
}
