import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { abortedBy, failure } from '../../core/errors.ts'
import { type DataOf, type DType } from '../../core/dtype.ts'
import type { Compute, ModelSource } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import type { Answer, OpenModel, PlainTensor, Task, WorkerOptions } from './task.ts'

export type { OpenModel } from './task.ts'

export interface ComputeOptions {
  /** Workers at the most; each is started by work that finds none free. */
  readonly threads: number
  /** Threads of onnxruntime within a worker. Default 1: the workers are the parallelism. */
  readonly intraOpThreads?: number
  /** Bytes of models that each worker keeps loaded. Default 512 MiB. */
  readonly sessionBytes?: number
  /** Gets a model's bytes to this machine. */
  readonly openModel: (model: ModelSource, signal: AbortSignal) => Promise<OpenModel>
}

export interface ComputePool extends Compute {
  stats(): { readonly workers: number; readonly queued: number }
  /** Each worker forgets its sessions before its next task. */
  dropSessions(): Promise<void>
  /** Waits for what runs, then ends the workers. */
  close(): Promise<void>
}

// The built worker lies beside this file; from source there is a loader for it.
const workerFile = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker-from-source.mjs' : './worker.js', import.meta.url))

const toPlain = ({ dtype, data, shape }: Tensor): PlainTensor => ({ dtype, data, shape })
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the constructor checks dtype, array and shape against each other
const toTensor = ({ dtype, data, shape }: PlainTensor): Tensor => new Tensor<DType>(dtype, data as DataOf<DType>, shape)

/** How many models' opened bytes are remembered: shared memory is held once, however many tasks name it. */
const OPENED_MOST = 64

/** Runs models in worker threads: `session.run` blocks its thread, so a deadline acts by ending the worker. */
export const createCompute = ({ threads, intraOpThreads = 1, sessionBytes = 512 * 1024 ** 2, openModel }: ComputeOptions): ComputePool => {
  let pool: Promise<Piscina<Task, Answer>> | undefined
  let started: Piscina<Task, Answer> | undefined
  let generation = 0
  let closed = false
  const opened = new Map<string, Promise<OpenModel>>()

  const start = async (): Promise<Piscina<Task, Answer>> => {
    // Telemetry of newer builds is stopped only from the main thread, before the library is first loaded.
    process.env['ORT_DISABLE_TELEMETRY'] = '1'
    const { Piscina: Pool } = await import('piscina')
    const workerData: WorkerOptions = { sessionBytes, intraOpThreads }
    started = new Pool<Task, Answer>({ filename: workerFile, minThreads: 0, maxThreads: threads, idleTimeout: 60_000, workerData, atomics: 'disabled' })
    // A worker that dies fails its task, which tells the caller; without a listener it would also end the process.
    started.on('error', () => undefined)
    return started
  }
  const open = (model: ModelSource, signal: AbortSignal): Promise<OpenModel> => {
    const known = opened.get(model.hash)
    if (known !== undefined) return known
    const opening = openModel(model, signal)
    opened.set(model.hash, opening)
    opening.catch(() => opened.delete(model.hash))
    const [oldest] = opened.keys()
    if (opened.size > OPENED_MOST && oldest !== undefined) opened.delete(oldest)
    return opening
  }

  const ask = async (model: ModelSource, feeds: Task['feeds'], signal: AbortSignal): Promise<Answer> => {
    if (closed) throw failure('unavailable', 'the host is stopping')
    if (signal.aborted) throw abortedBy(signal)
    const [workers, source] = await Promise.all([(pool ??= start()), open(model, signal)])
    const task: Task = { hash: model.hash, model: source, generation, ...(feeds !== undefined && { feeds }) }
    try {
      return await workers.run(task, { signal })
    } catch (error) {
      if (signal.aborted) throw abortedBy(signal)
      throw failure('worker-died', `a compute worker ended in the middle of its work: ${error instanceof Error ? error.message : String(error)}`, error)
    }
  }
  const answered = (answer: Answer): Exclude<Answer, { kind: 'failed' }> => {
    if (answer.kind === 'failed') throw failure(answer.code, answer.text)
    return answer
  }

  return {
    async inspect(model, signal) {
      const answer = answered(await ask(model, undefined, signal))
      if (answer.kind !== 'shape') throw failure('internal', 'a worker answered another question')
      return answer.shape
    },
    async run(model, feeds, signal) {
      const plain = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, toPlain(tensor)]))
      const answer = answered(await ask(model, plain, signal))
      if (answer.kind !== 'outputs') throw failure('internal', 'a worker answered another question')
      return Object.fromEntries(Object.entries(answer.outputs).map(([name, tensor]) => [name, toTensor(tensor)]))
    },
    stats: () => ({ workers: started?.threads.length ?? 0, queued: started?.queueSize ?? 0 }),
    dropSessions: () => {
      generation++
      opened.clear()
      return Promise.resolve()
    },
    async close() {
      closed = true
      if (pool !== undefined) await (await pool).close()
    },
  }
}
