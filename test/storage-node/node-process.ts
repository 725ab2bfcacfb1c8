import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface NodeProcess {
  readonly address: string
  readonly child: ChildProcess
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
}
interface Ended {
  readonly code: number | null
  readonly stderr: string
}

const start = (args: readonly string[]) =>
  spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'node', '--listen', '127.0.0.1:0', '--json', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
  })

const addressIn = (line: string): string => {
  const parsed: unknown = JSON.parse(line)
  assert.ok(typeof parsed === 'object' && parsed !== null && 'address' in parsed && typeof parsed.address === 'string', line)
  return parsed.address
}

/** A storage node in a process of its own, as a user starts it; ended with the test at the latest. */
export const startNodeProcess = async (t: TestContext, args: readonly string[]): Promise<NodeProcess> => {
  const child = start(args)
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit').then(([code, signal]: (number | NodeJS.Signals | null)[]) => code ?? signal ?? null)
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const lines = createInterface({ input: child.stdout })
  const line = await Promise.race([
    once(lines, 'line').then(([first]: string[]) => first ?? ''),
    ended.then((how) => assert.fail(`the node ended with ${how}: ${stderr}`)),
  ])
  return { address: addressIn(line), child, ended }
}

/** Runs a node that is expected to end by itself. */
export const runNodeProcess = async (t: TestContext, args: readonly string[]): Promise<Ended> => {
  const child = start(args)
  t.after(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  const [code]: (number | null)[] = await once(child, 'close')
  return { code: code ?? null, stderr }
}
