import { failure, isActiveStorageError } from '../../../core/errors.ts'
import type { Value } from '../../../core/value.ts'
import type { Answer, ProcessOptions, Task } from '../task.ts'
import type { Work, Workers } from '../workers.ts'
import { type ComputeProcess, ProcessEnded } from './compute-process.ts'
import type { ProcessLedger } from './ledger.ts'
import { answerOf, messageOf, NEEDS_MODEL } from './run-messages.ts'

export interface ProcessesOptions extends ProcessOptions {
  readonly ledger: ProcessLedger
  /** How long a run may go on whose caller has given up, before its process is ended, in ms. */
  readonly graceMs: number
  /** How long `close` waits for runs whose callers still wait, in ms. */
  readonly closeMs: number
}

/** A process without work, and the models that it has run. */
interface Idle {
  readonly process: ComputeProcess
  readonly hashes: Set<string>
  readonly timer: NodeJS.Timeout
}
interface Active {
  process: ComputeProcess | undefined
  givenUp: boolean
}

/** A process without work ends after so long. */
const IDLE_MS = 60_000

/** Ends a process that may have been taken over by a model. @returns what its run fails with */
export const rubbish = (process: ComputeProcess, what: string): ProcessEnded => {
  const how = `wrote what is no answer (${what}) and was ended`
  process.kill(how, false)
  return new ProcessEnded(how, false)
}

/** Runs tasks in processes of their own, one at a time each, so that to end one ends one run. */
export const createProcesses = ({ ledger, graceMs, closeMs, sessionBytes, intraOpThreads, resultBytes }: ProcessesOptions): Workers => {
  const opening: Value = { job: 'run', options: { sessionBytes, intraOpThreads, resultBytes } }
  const idle: Idle[] = []
  const active = new Map<Active, Promise<unknown>>()
  let stopping = false
  /** What has not ended by now is ended. */
  let late = false
  const endLate = () => {
    late = true
    for (const { process } of active.keys()) process?.kill()
  }

  const leave = (entry: Idle) => {
    clearTimeout(entry.timer)
    const at = idle.indexOf(entry)
    if (at >= 0) idle.splice(at, 1)
  }
  const rest = (process: ComputeProcess, hashes: Set<string>) => {
    if (process.gone) return
    if (stopping) return process.kill()
    const entry: Idle = { process, hashes, timer: setTimeout(() => process.kill(), IDLE_MS).unref() }
    idle.push(entry)
    void process.ended.then(() => leave(entry))
  }
  /** One that has the model loaded, or else the last used. */
  const take = async (hash: string): Promise<Pick<Idle, 'process' | 'hashes'>> => {
    const entry = idle.findLast(({ process, hashes }) => !process.gone && hashes.has(hash)) ?? idle.findLast(({ process }) => !process.gone)
    if (entry === undefined) return { process: await ledger.start(opening), hashes: new Set() }
    leave(entry)
    return entry
  }

  const ask = async (process: ComputeProcess, task: Task, state: Active): Promise<Answer> => {
    const answer = await checked(process, messageOf(task, false))
    if (answer.kind !== NEEDS_MODEL) return answer
    if (state.givenUp) return { kind: 'abandoned' }
    const again = await checked(process, messageOf(task, true))
    if (again.kind === NEEDS_MODEL) throw rubbish(process, 'it asks for a model that it was sent')
    return again
  }
  const checked = async (process: ComputeProcess, message: Value) => {
    const answer = await process.ask(message)
    try {
      return answerOf(answer)
    } catch (error) {
      throw rubbish(process, isActiveStorageError(error) ? error.text : String(error))
    }
  }

  const work = async (task: Task, state: Active): Promise<Answer> => {
    if (stopping) throw failure('unavailable', 'the host is stopping')
    const { process, hashes } = await take(task.hash)
    try {
      if (state.givenUp) return { kind: 'abandoned' }
      if (late) throw failure('unavailable', 'the host is stopping')
      state.process = process
      const answer = await ask(process, task, state)
      hashes.add(task.hash)
      return answer
    } catch (error) {
      if (!(error instanceof ProcessEnded)) throw error
      if (!error.killed) throw ledger.crashed(task.hash, error)
      if (state.givenUp) return { kind: 'abandoned' }
      throw failure('unavailable', 'the host is stopping, and the run was ended', error)
    } finally {
      state.process = undefined
      rest(process, hashes)
    }
  }

  return {
    get count() {
      return idle.length + active.size
    },
    check: (hash) => ledger.quarantine.check(hash),
    run(task): Work {
      const state: Active = { process: undefined, givenUp: false }
      let timer: NodeJS.Timeout | undefined
      const answer = work(task, state).finally(() => {
        clearTimeout(timer)
        active.delete(state)
      })
      active.set(
        state,
        answer.catch(() => undefined),
      )
      return {
        answer,
        giveUp: () => {
          state.givenUp = true
          const { process } = state
          if (process === undefined) return
          if (stopping) return process.kill()
          process.abandon()
          timer = setTimeout(() => ledger.overran(process), graceMs).unref()
        },
      }
    },
    async endIdle() {
      const ending = idle.map(({ process }) => process)
      for (const process of ending) process.kill()
      await Promise.all(ending.map(({ ended }) => ended))
      return ending.length > 0
    },
    hurry(ms) {
      setTimeout(() => {
        stopping = true
        endLate()
      }, ms).unref()
    },
    async close() {
      stopping = true
      for (const { process } of [...idle]) process.kill()
      for (const { process, givenUp } of active.keys()) if (givenUp) process?.kill()
      const timer = setTimeout(endLate, closeMs)
      while (active.size > 0) await Promise.all(active.values())
      clearTimeout(timer)
    },
  }
}
