import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { EpochResult, Order } from './runner.ts'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

const ended = (child: ChildProcess) =>
  new Promise<void>((resolve) => (child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', () => resolve())))

export interface NodeProcess {
  readonly address: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts `active-storage node` as a process of its own; resolves when it serves. */
export const startNode = (args: readonly string[]): Promise<NodeProcess> =>
  new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', here('../../src/cli.ts'), 'node', '--json', '--quiet', '--listen', '127.0.0.1:0', ...args],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const stop = async () => {
      child.kill('SIGTERM')
      await ended(child)
    }
    child.once('exit', (code) => reject(new Error(`the node ended with code ${code} before it served`)))
    createInterface({ input: child.stdout }).once('line', (line) => {
      const said: unknown = JSON.parse(line)
      if (typeof said === 'object' && said !== null && 'address' in said)
        resolve({ address: String(said.address), pid: child.pid ?? 0, stop })
      else reject(new Error(`the node said ${line}`))
    })
  })

export interface Runner {
  epoch(epoch: number): Promise<EpochResult>
  dropCaches(): Promise<void>
  stop(): Promise<void>
}

interface Said {
  readonly ready?: true
  readonly result?: EpochResult
  readonly error?: string
}

/** Starts a client process with one policy. */
export const startRunner = async (node: string, cloud: string, policy: string): Promise<Runner> => {
  const child = fork(here('./runner.ts'), [node, cloud, policy], { execArgv: ['--import', 'tsx'] })
  const next = () =>
    new Promise<Said>((resolve, reject) => {
      const gone = (code: number | null) => reject(new Error(`a client ended with code ${code}`))
      child.once('exit', gone)
      child.once('message', (message: Said) => {
        child.off('exit', gone)
        if (message.error === undefined) resolve(message)
        else reject(new Error(message.error))
      })
    })
  const ask = async (order: Order): Promise<EpochResult | undefined> => {
    const answer = next()
    child.send(order)
    return (await answer).result
  }
  await next()
  return {
    async epoch(epoch) {
      const result = await ask({ kind: 'epoch', epoch })
      if (result === undefined) throw new Error('a client that gave no result')
      return result
    },
    dropCaches: async () => void (await ask({ kind: 'cold' })),
    async stop() {
      if (child.exitCode === null && child.connected) await ask({ kind: 'stop' }).catch(() => child.kill())
      await ended(child)
    },
  }
}
