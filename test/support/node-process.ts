import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** A storage node in a process of its own, as an operator would start it. */
export interface NodeProcess extends AsyncDisposable {
  readonly address: string
  readonly data: string
  /** kill -9; resolves when the process is gone. */
  kill(): Promise<void>
}

/** A folder that goes when the test ends. */
export const temporaryFolder = async (): Promise<{ readonly path: string } & AsyncDisposable> => {
  const path = await mkdtemp(join(tmpdir(), 'active-storage-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

const gone = async (child: ChildProcess, signal: NodeJS.Signals) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

export const startNodeProcess = async (data: string, args: readonly string[] = []): Promise<NodeProcess> => {
  const child = spawn(process.execPath, ['--import', 'tsx', cli, 'node', '--json', '--data', data, '--listen', '127.0.0.1:0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const line = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`the node ended with ${code}: ${errors}`)))
  })
  const said: unknown = JSON.parse(await line)
  if (typeof said !== 'object' || said === null || !('address' in said)) throw new Error(`the node said ${JSON.stringify(said)}`)
  return { address: String(said.address), data, kill: () => gone(child, 'SIGKILL'), [Symbol.asyncDispose]: () => gone(child, 'SIGKILL') }
}
