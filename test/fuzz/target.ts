import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process under fuzz. */
export interface Target extends AsyncDisposable {
  readonly address: string
  /** How the process ended; undefined while it lives. */
  readonly ended: string | undefined
  /** Resolves when the process has ended. */
  readonly exit: Promise<void>
  readonly stderr: string
  /** Resident memory in MiB; undefined where the system does not tell, or the process is gone. */
  rssMib(): number | undefined
  /** Open file descriptors. */
  descriptors(): number | undefined
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const canaryObject = fileURLToPath(new URL('./canary-object.ts', import.meta.url))
const faultyServer = fileURLToPath(new URL('./faulty-server.ts', import.meta.url))
const told = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Starts a process that tells where it serves in its first line. */
const start = async <Where>(args: readonly string[], cleanUp: () => Promise<void>) => {
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1', UV_THREADPOOL_SIZE: '4' },
  })
  // Nobody else would end it where this process ends early.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  let stderr = ''
  let ended: string | undefined
  child.stderr.on('data', (text: Buffer) => (stderr = (stderr + text.toString()).slice(-100_000)))
  const exit = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => void (ended = `exit ${code ?? signal}`))
  const first = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([line]: string[]) => line ?? ''),
    exit.then(() => Promise.reject(new Error(`the target ended (${ended}) before it served: ${stderr}`))),
  ])
  const proc = `/proc/${child.pid}`
  const at = (address: string): Target => ({
    address,
    exit,
    get ended() {
      return ended
    },
    get stderr() {
      return stderr
    },
    rssMib: () => told(() => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${proc}/status`, 'utf8'))![1]) / 1024),
    descriptors: () => told(() => readdirSync(`${proc}/fd`).length),
    [Symbol.asyncDispose]: async () => {
      if (ended === undefined) end()
      await exit
      process.off('exit', end)
      await cleanUp()
    },
  })
  return { said: JSON.parse(first) as Where, at }
}

/** A storage node as an operator starts it, with a folder and port of its own. */
export const startNode = async (): Promise<Target> => {
  const data = await mkdtemp(join(tmpdir(), 'active-storage-fuzz-'))
  const clean = () => rm(data, { recursive: true, force: true })
  // A small cache: what is kept for callers must not look like a leak.
  const args = ['--data', data, '--listen', '127.0.0.1:0', '--threads', '1', '--cache-mib', '16', '--objects', canaryObject]
  const { said, at } = await start<{ readonly address: string }>([cli, 'node', '--json', ...args], clean)
  return at(said.address)
}

/** One process that serves each fault by an address of its own. */
export const startFaulty = async (): Promise<(fault: string) => Target> => {
  const { said, at } = await start<Readonly<Record<string, string>>>([faultyServer], () => Promise.resolve())
  return (fault) => at(said[fault] ?? '')
}
