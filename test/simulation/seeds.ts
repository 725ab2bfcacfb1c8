import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Result } from './simulation.ts'

export interface SeedsOptions {
  readonly from: number
  readonly count: number
  readonly mutant?: string
  /** Processes that run seeds side by side. */
  readonly jobs: number
  /** Told of each seed as it ends, in no order. @returns whether to go on */
  readonly onResult: (result: Result) => boolean
}

const worker = fileURLToPath(new URL('./seeds-worker.ts', import.meta.url))

/** Runs many seeds, each in one of some processes. Resolves when all have ended, or `onResult` wants no more. */
export const runSeeds = async ({ from, count, mutant, jobs, onResult }: SeedsOptions): Promise<void> => {
  let next = from
  let stopped = false
  const run = () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(worker, mutant === undefined ? [] : [mutant], { execArgv: ['--import', 'tsx'] })
      const give = () => {
        if (stopped || next >= from + count) child.disconnect()
        else child.send(next++)
      }
      child.on('message', (message: Result | 'ready') => {
        if (message !== 'ready' && !onResult(message)) stopped = true
        give()
      })
      child.on('error', reject)
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a process that runs seeds ended with status ${code}`))))
    })
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, run))
}
