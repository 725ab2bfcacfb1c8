import { abortedBy, failure, isActiveStorageError } from '../../../core/errors.ts'
import type { Value } from '../../../core/value.ts'
import { doneOf, type TrainingDone, type TrainingPort } from '../training-port.ts'
import type { TrainingAsk, TrainingData } from '../training-task.ts'
import { type ComputeProcess, ProcessEnded } from './compute-process.ts'
import type { ProcessLedger } from './ledger.ts'
import { rubbish } from './processes.ts'
import { trainingAnswerOf, trainingAskMessage, trainingDataMessage } from './training-messages.ts'

export interface TrainingProcessOptions {
  readonly ledger: ProcessLedger
  readonly graceMs: number
  readonly closeMs: number
  /** Of the call that opens the model. */
  readonly signal: AbortSignal
  /** Of the graph. */
  readonly hash: string
}

/** No step takes so long. Who asks for one in a call of its own is not there any more. */
const MOST_MS = 1_800_000

/** A process that trains a model. */
class TrainingProcess implements TrainingPort {
  readonly #process: ComputeProcess
  readonly #options: TrainingProcessOptions
  #last: Promise<unknown> = Promise.resolve()
  /** Questions asked, and answered. */
  #asked = 0
  #answered = 0

  constructor(process: ComputeProcess, options: TrainingProcessOptions) {
    this.#process = process
    this.#options = options
  }
  get ended(): Promise<void> {
    return this.#process.ended
  }

  #send(message: Value): Promise<TrainingDone> {
    this.#asked++
    const answer = this.#last.then(() => this.#exchange(message)).finally(() => this.#answered++)
    this.#last = answer.catch(() => undefined)
    return answer
  }
  async #exchange(message: Value): Promise<TrainingDone> {
    const { ledger, hash } = this.#options
    if (this.#process.gone) throw failure('worker-died', 'the process of a model in training has ended')
    const timer = setTimeout(() => ledger.overran(this.#process), MOST_MS).unref()
    try {
      const answer = await this.#process.ask(message)
      return doneOf(this.#checked(answer))
    } catch (error) {
      if (!(error instanceof ProcessEnded)) throw error
      if (!error.killed) throw ledger.crashed(hash, error)
      throw failure('unavailable', 'the host ended a model in training: it is stopping, or nobody waited for the model any more', error)
    } finally {
      clearTimeout(timer)
    }
  }
  #checked(answer: Value) {
    try {
      return trainingAnswerOf(answer)
    } catch (error) {
      throw rubbish(this.#process, isActiveStorageError(error) ? error.text : String(error))
    }
  }

  /** @throws as `Compute.train` */
  async open(data: TrainingData): Promise<void> {
    const { signal, graceMs } = this.#options
    const opening = this.#send(trainingDataMessage(data))
    opening.catch(() => this.#process.kill())
    const aborted = new Promise<never>((_, reject) => {
      // Held for as long as the model is open: what a caller asks who then gives up is ended as a run is.
      const abort = () => {
        this.#endLate(graceMs)
        reject(abortedBy(signal))
      }
      signal.addEventListener('abort', abort, { once: true })
      void this.ended.then(() => signal.removeEventListener('abort', abort))
    })
    aborted.catch(() => undefined)
    try {
      await Promise.race([opening, aborted])
    } catch (error) {
      // Opened for nobody.
      opening.then(() => this.#process.kill()).catch(() => undefined)
      throw error
    }
  }
  /** Ends the process where what it is asked now has not come to its end after `ms`. */
  #endLate(ms: number): void {
    const { ledger } = this.#options
    const asked = this.#asked
    if (this.#answered === asked) return
    const timer = setTimeout(() => this.#answered < asked && ledger.overran(this.#process), ms).unref()
    void this.ended.then(() => clearTimeout(timer))
  }
  ask(asked: TrainingAsk): Promise<TrainingDone> {
    return this.#send(trainingAskMessage(asked))
  }
  hurry(ms: number): void {
    this.#endLate(ms)
  }
  async close(): Promise<void> {
    const { ledger, closeMs } = this.#options
    if (!this.#process.gone && this.#answered < this.#asked) {
      const timer = setTimeout(() => ledger.overran(this.#process), closeMs)
      await this.#last
      clearTimeout(timer)
    }
    this.#process.kill()
    await this.ended
  }
}

/** Opens a model in a process of its own. @throws as `Compute.train` */
export const openTrainingProcess = async (data: TrainingData, options: TrainingProcessOptions): Promise<TrainingPort> => {
  const { ledger, hash } = options
  ledger.quarantine.check(hash)
  const training = new TrainingProcess(await ledger.start({ job: 'train' }), options)
  await training.open(data)
  return training
}
