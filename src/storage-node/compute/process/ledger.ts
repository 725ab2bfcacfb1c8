import { failure } from '../../../core/errors.ts'
import type { ComputeFigures } from '../../../core/self.ts'
import type { Value } from '../../../core/value.ts'
import { checkOnnxruntime } from '../onnxruntime.ts'
import { createQuarantine, type Quarantine } from '../quarantine.ts'
import { ComputeProcess, ProcessEnded } from './compute-process.ts'

/** The compute processes of a host, for runs and for training, and what became of them. */
export class ProcessLedger {
  readonly quarantine: Quarantine
  readonly #program: string | undefined
  readonly #open = new Set<ComputeProcess>()
  /** Processes that ended in a run and have had no successor yet. */
  #owed = 0
  #restarts = 0
  #crashes = 0
  #kills = 0

  /** @param program the file that processes run. Default: that of compute processes */
  constructor(quarantine: Quarantine = createQuarantine(), program?: string) {
    this.quarantine = quarantine
    this.#program = program
  }

  /**
   * Starts a process that is ready for work.
   * @param opening its first message
   * @throws ActiveStorageError `worker-died` where it does not get so far; as `findOnnxruntime`
   */
  async start(opening: Value): Promise<ComputeProcess> {
    checkOnnxruntime()
    for (let attempt = 1; ; attempt++) {
      const process = await this.#started()
      this.#open.add(process)
      void process.ended.then(() => this.#open.delete(process))
      try {
        await process.ask(opening)
        if (this.#owed > 0) {
          this.#owed--
          this.#restarts++
        }
        return process
      } catch (error) {
        process.kill()
        if (!(error instanceof ProcessEnded)) throw error
        if (error.killed) throw failure('unavailable', 'the host is stopping', error)
        if (attempt === 2) throw failure('worker-died', `a compute process ${error.how} before it was ready for work`, error)
      }
    }
  }

  async #started(): Promise<ComputeProcess> {
    try {
      return await ComputeProcess.start(this.#program)
    } catch (error) {
      throw failure('worker-died', `a compute process cannot be started: ${error instanceof Error ? error.message : String(error)}`, error)
    }
  }

  /** A process has died in a run. @returns the error of the run */
  crashed(hash: string, { how }: ProcessEnded) {
    this.#crashes++
    this.#owed++
    this.quarantine.crashed(hash, how)
    return failure(
      'model-crashed',
      `the process that ran the model ${hash} ${how}: the model, or it on these inputs, crashes onnxruntime, or takes more memory than there is; ` +
        'nothing else was harmed, and the call is not repeated elsewhere. Look for divisions by zero, strides and sizes of 0 and the extremes of integers',
    )
  }
  /** A process is ended in a run that has not come to its end in time. */
  overran(process: ComputeProcess): void {
    this.#kills++
    this.#owed++
    process.kill()
  }

  get figures(): ComputeFigures {
    return {
      processes: this.#open.size,
      restarts: this.#restarts,
      crashes: this.#crashes,
      kills: this.#kills,
      memoryBytes: this.watchMemory(),
      quarantined: this.quarantine.list,
    }
  }
  get pids(): readonly number[] {
    return [...this.#open].map(({ pid }) => pid)
  }
  /** Ends processes that have more memory than one may have. @returns what all have for themselves, in bytes */
  watchMemory(most = Infinity): number {
    let sum = 0
    for (const process of this.#open) {
      const { memoryBytes } = process
      sum += memoryBytes
      if (memoryBytes > most) process.kill(`took ${memoryBytes} bytes of memory, where ${most} are the most, and was ended`, false)
    }
    return sum
  }
  /** Ends all at once. */
  async end(): Promise<void> {
    for (const process of this.#open) process.kill()
    await Promise.all([...this.#open].map(({ ended }) => ended))
  }
}
