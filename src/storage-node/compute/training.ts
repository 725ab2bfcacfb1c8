import { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { abortedBy, failure, failureWith } from '../../core/errors.ts'
import type { Compute, Training, TrainingProgram, TrainingTold } from '../../core/self.ts'
import { checkOnnxruntime } from './onnxruntime.ts'
import { plainOf, tensorsOf } from './plain.ts'
import type { TrainingAnswer, TrainingAsk, TrainingData } from './training-task.ts'

const workerFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './training-worker-from-source.mjs' : './training-worker.js', import.meta.url),
)

export interface Trainings extends Pick<Compute, 'train'> {
  /** Models in training now. */
  readonly count: number
  /** Waits for what runs, and ends all threads. */
  close(): Promise<void>
}

/** A thread and what it has been asked. */
class Thread {
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
  answer(): Promise<Exclude<TrainingAnswer, { failed: unknown }>> {
    return new Promise<TrainingAnswer>((resolve, reject) => {
      if (this.#ended !== undefined) return reject(failure('worker-died', `the thread of a model in training has ended: ${this.#ended.message}`)) // prettier-ignore
      this.#waiting.push({ resolve, reject })
    }).then((answer) => {
      if ('failed' in answer) throw failure(answer.failed.code, answer.failed.text)
      return answer
    })
  }
  ask(asked: TrainingAsk) {
    const answer = this.answer()
    this.#worker.postMessage(asked)
    return answer
  }
}

/** @param most models in training at once */
export const createTrainings = ({ threads, most = 4 }: { readonly threads: number; readonly most?: number }): Trainings => {
  const open = new Set<Thread>()
  let closed = false
  return {
    get count() {
      return open.size
    },
    async train({ graph, options, seed, state }: TrainingProgram, signal) {
      if (closed) throw failure('unavailable', 'the host is stopping')
      if (signal.aborted) throw abortedBy(signal)
      if (open.size >= most)
        throw failureWith('overloaded', `${open.size} models are in training, the most that this host takes`, { retryAfterMs: 5000 })
      checkOnnxruntime()
      // Telemetry of newer builds is stopped only from the main thread, before the library is first loaded.
      process.env['ORT_DISABLE_TELEMETRY'] = '1'
      const thread = new Thread({ graph, options, seed, threads, ...(state !== undefined && { state: plainOf(state) }) })
      open.add(thread)
      void thread.ended.then(() => open.delete(thread))
      await thread.answer()
      return trainingOf(thread)
    },
    async close() {
      closed = true
      await Promise.all(
        [...open].map(async (thread) => {
          await thread.ask({ ask: 'close' }).catch(() => undefined)
          await thread.ended
        }),
      )
    },
  }
}

const trainingOf = (thread: Thread): Training => {
  const told = async (asked: TrainingAsk): Promise<TrainingTold> => (await thread.ask(asked)).told ?? { loss: Number.NaN }
  return {
    step: (feeds, at) => told({ ask: 'step', feeds: plainOf(Object.entries(feeds)), at }),
    async gather(feeds, share, draw) {
      const { told: numbers, tensors } = await thread.ask({ ask: 'gather', feeds: plainOf(Object.entries(feeds)), share, draw })
      return { loss: Number.NaN, ...numbers, inputs: Object.fromEntries(tensorsOf(tensors)) }
    },
    forward: async (feeds, draw) =>
      Object.fromEntries(tensorsOf((await thread.ask({ ask: 'forward', feeds: plainOf(Object.entries(feeds)), draw })).tensors)),
    backward: (gradients) => told({ ask: 'backward', feeds: plainOf(Object.entries(gradients)) }),
    gathered: async () => tensorsOf((await thread.ask({ ask: 'gathered' })).tensors),
    replaceGathered: async (gradients, statistics) =>
      void (await thread.ask({
        ask: 'replace',
        tensors: plainOf(gradients),
        ...(statistics !== undefined && { statistics: plainOf(statistics) }),
      })),
    statistics: async () => tensorsOf((await thread.ask({ ask: 'statistics' })).tensors),
    apply: (at, beyond = 0) => told({ ask: 'apply', at, beyond }),
    async evaluate(feeds, outputs = []) {
      const { told: numbers, tensors } = await thread.ask({ ask: 'evaluate', feeds: plainOf(Object.entries(feeds)), outputs })
      return { loss: Number.NaN, ...numbers, outputs: Object.fromEntries(tensorsOf(tensors)) }
    },
    state: async () => tensorsOf((await thread.ask({ ask: 'state' })).tensors),
    restore: async (state) => void (await thread.ask({ ask: 'restore', tensors: plainOf(state) })),
    async close() {
      await thread.ask({ ask: 'close' }).catch(() => undefined)
      await thread.ended
    },
  }
}
