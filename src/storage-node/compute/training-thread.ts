import { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { failure } from '../../core/errors.ts'
import { doneOf, type TrainingDone, type TrainingPort } from './training-port.ts'
import type { TrainingAnswer, TrainingAsk, TrainingData } from './training-task.ts'

const workerFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './training-worker-from-source.mjs' : './training-worker.js', import.meta.url),
)

/** A thread that trains a model: `--compute thread`. */
class TrainingThread implements TrainingPort {
  readonly #worker: Worker
  readonly #waiting: { readonly resolve: (answer: TrainingAnswer) => void; readonly reject: (error: unknown) => void }[] = []
  #ended: Error | undefined
  readonly ended: Promise<void>

  constructor(data: TrainingData) {
    this.#worker = new Worker(workerFile, { workerData: data, execArgv: [] })
    this.#worker.on('message', (answer: TrainingAnswer) => this.#waiting.shift()?.resolve(answer))
    this.#worker.on('error', (error) => (this.#ended = error instanceof Error ? error : new Error(String(error))))
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        const error = failure('worker-died', `the thread of a model in training ended: ${this.#ended?.message ?? 'it was closed'}`)
        for (const { reject } of this.#waiting.splice(0)) reject(error)
        this.#ended = error
        resolve()
      })
    })
  }
  /** The next answer. */
  answer(): Promise<TrainingDone> {
    return new Promise<TrainingAnswer>((resolve, reject) => {
      if (this.#ended !== undefined) return reject(failure('worker-died', `the thread of a model in training has ended: ${this.#ended.message}`)) // prettier-ignore
      this.#waiting.push({ resolve, reject })
    }).then(doneOf)
  }
  ask(asked: TrainingAsk) {
    const answer = this.answer()
    this.#worker.postMessage(asked)
    return answer
  }
  async close(): Promise<void> {
    await this.ask({ ask: 'close' }).catch(() => undefined)
    await this.ended
  }
  hurry(): void {
    // A thread cannot be ended in the middle of its work.
  }
}

/** Opens a model in a thread of its own. @throws as `Compute.train` */
export const openTrainingThread = async (data: TrainingData): Promise<TrainingPort> => {
  // Telemetry of newer builds is stopped only from the main thread, before the library is first loaded.
  process.env['ORT_DISABLE_TELEMETRY'] = '1'
  const thread = new TrainingThread(data)
  await thread.answer()
  return thread
}
