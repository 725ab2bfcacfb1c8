import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Facts, parseFacts } from './lines.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const MIB = 2 ** 20

/** Pinned for every process alike: unpinned threads make runs on few cores many times slower. */
const pinned = { ORT_DISABLE_TELEMETRY: '1', UV_THREADPOOL_SIZE: '4' } as const

export interface Child extends AsyncDisposable {
  readonly pid: number
  /** What it told first. */
  readonly first: Facts
  ask(op: string, facts?: Facts): Promise<Facts>
  stop(): Promise<void>
  /** Ends it at once (-9). */
  kill(): Promise<void>
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
  })

/** Starts Node on a file of this repository; done when it has told its first line. */
export const startChild = async (args: readonly string[]): Promise<Child> => {
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, ...pinned }, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<Facts> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`node ${args.join(' ')} ended (exit code ${child.exitCode}) before it answered`)
    return parseFacts(line.value)
  }
  const stop = async () => {
    child.kill('SIGTERM')
    const stubborn = setTimeout(() => child.kill('SIGKILL'), 5000)
    await ended(child)
    clearTimeout(stubborn)
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await ended(child)
  }
  try {
    const first = await next()
    const ask = (op: string, facts: Facts = {}) => {
      child.stdin.write(`${JSON.stringify({ op, ...facts })}\n`)
      return next()
    }
    return { pid: child.pid ?? 0, first, ask, stop, kill, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A process of the benchmark's own, from TypeScript. */
export const startScript = (file: URL, args: readonly string[] = []): Promise<Child> =>
  startChild(['--import', 'tsx', fileURLToPath(file), ...args])

export interface NodeProcess extends Child {
  readonly address: string
  readonly data: string
  /** From just before the process was started to its first line. */
  readonly startMs: number
}
export interface NodePlace {
  /** A folder that is there before the node, and stays when it ends. */
  readonly data?: string
}

/** The built command line tool as a storage node, over a folder of its own that goes with it. */
export const startNode = async (args: readonly string[] = [], place: NodePlace = {}): Promise<NodeProcess> => {
  const data = place.data ?? (await newFolder())
  const began = performance.now()
  const child = await startChild(['dist/cli.js', 'node', '--json', '--listen', '127.0.0.1:0', '--threads', '2', '--data', data, ...args])
  const startMs = performance.now() - began
  const stop = async () => {
    await child.stop()
    if (place.data === undefined) await rm(data, { recursive: true, force: true })
  }
  return { ...child, address: String(child.first['address']), data, startMs, stop, [Symbol.asyncDispose]: stop }
}

export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'active-storage-bench-'))

const statusOf = (pid: number, field: 'VmRSS' | 'VmHWM' | 'RssAnon' | 'RssFile'): number => {
  const match = new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  if (match === null) throw new Error(`/proc/${pid}/status has no ${field}`)
  return Number(match[1]) / 1024
}
/** Resident memory of a process, in MiB. */
export const rssOf = (pid: number): number => statusOf(pid, 'VmRSS')
/** The part of it that is the process's own, and the part that is pages of files, which the kernel can take back. */
export const rssParts = (pid: number) => ({ anonymous: statusOf(pid, 'RssAnon'), fileMapped: statusOf(pid, 'RssFile') })
/** The most that it has had since it started, or since `forgetPeak`. */
export const peakOf = (pid: number): number => statusOf(pid, 'VmHWM')
export const forgetPeak = (pid: number): void => {
  // 5 resets the peak to what is resident now.
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Builds dist/ as it is published. Benchmarks measure that, not the sources. */
export const build = (): void => {
  const { stdout, status: code } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (!existsSync(join(root, 'dist/cli.js'))) throw new Error(`the build failed:\n${stdout}`)
  // What the compiler wrote in spite of errors runs; whoever reads the figures should know.
  if (code !== 0) console.error(`warning: the build reports errors:\n${stdout}`)
}
