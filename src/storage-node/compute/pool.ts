import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { abortedBy, failure } from '../../core/errors.ts'
import type { ContentRef } from '../../core/content.ts'
import type { Compute, ModelSource, TensorRef } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import { checkModel } from '../../objects/model/identity.ts'
import { createOpened } from './opened.ts'
import { tensorOf } from './plain.ts'
import { checkOnnxruntime } from './onnxruntime.ts'
import { createSlots } from './slots.ts'
import { createTrainings } from './training.ts'
import type { Answer, OpenBytes, OpenModel, PlainTensor, Task, TensorFile, WorkerOptions } from './task.ts'

export type { OpenBytes, OpenModel } from './task.ts'

export interface ComputeOptions {
  /** Workers at the most; each is started by work that finds none free. */
  readonly threads: number
  /** Threads of onnxruntime within a worker. Default 1: the workers are the parallelism. */
  readonly intraOpThreads?: number
  /** Bytes of models that each worker keeps loaded. Default 512 MiB. */
  readonly sessionBytes?: number
  /** Gets a model's bytes to this machine. */
  readonly openModel: (model: ModelSource, signal: AbortSignal) => Promise<OpenModel>
  /** The same for an input that is given by reference. Without it such inputs are refused. */
  readonly openContent?: (ref: ContentRef, signal: AbortSignal) => Promise<OpenBytes>
}

export interface ComputePool extends Compute {
  stats(): ComputeStats
  /** Each worker forgets its sessions before its next task. */
  dropSessions(): Promise<void>
  /** Ends the workers, with their sessions, where none is at work; the next task starts new ones. @returns whether it did */
  endIdle(): Promise<boolean>
  /** Refuses what waits, waits for what runs, abandoned runs too, then ends the workers. */
  close(): Promise<void>
}

export interface ComputeStats {
  readonly workers: number
  /** Tasks in workers whose callers wait for them. */
  readonly running: number
  /** Tasks in workers that their callers gave up: they end by themselves. */
  readonly abandoned: number
  /** Tasks that wait for a worker. */
  readonly queued: number
  readonly completed: number
}

// The built worker lies beside this file; from source there is a loader for it.
const workerFile = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker-from-source.mjs' : './worker.js', import.meta.url))

// The structured clone copies the whole buffer below a view, and onnxruntime refuses shared memory: both get one tight copy.
const tight = (data: unknown): unknown => {
  if (!ArrayBuffer.isView(data) || (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength)) return data
  const bytes = new Uint8Array(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every typed array takes a buffer
  return new (data.constructor as new (buffer: ArrayBuffer) => ArrayBufferView)(bytes.buffer)
}
const toPlain = ({ dtype, data, shape }: Tensor): PlainTensor => ({ dtype, data: tight(data), shape })
const firing = (signal: AbortSignal) => {
  let stop: () => void = () => undefined
  const fired = new Promise<'aborted'>((resolve) => {
    const listener = () => resolve('aborted')
    stop = () => signal.removeEventListener('abort', listener)
    if (signal.aborted) resolve('aborted')
    else signal.addEventListener('abort', listener, { once: true })
  })
  return { fired, stop }
}

/**
 * Runs models in worker threads, since `session.run` blocks its thread.
 *
 * A run cannot be stopped. Ending a worker thread within `session.run` makes onnxruntime's binding throw into an isolate
 * that is going away, and that aborts the whole process (measured, every time: 1.27.0, Node 20). So a worker is only ever
 * ended while idle: an abort answers the caller at once, and what it leaves behind runs to its end. Its place goes to
 * others at once, on a spare worker, for as many abandoned runs as there are threads; beyond that they keep their places,
 * which bounds what callers with short deadlines can pile up.
 */
export const createCompute = ({
  threads,
  intraOpThreads = 1,
  sessionBytes = 512 * 1024 ** 2,
  openModel,
  openContent,
}: ComputeOptions): ComputePool => {
  let pool: Promise<Piscina<Task, Answer>> | undefined
  let started: Piscina<Task, Answer> | undefined
  let generation = 0
  let closed = false
  let abandoned = 0
  let completed = 0
  /** Tasks that have been asked for: they may hold the pool, and not be in a worker yet. */
  let asking = 0
  const inWorkers = new Set<Promise<unknown>>()
  const slots = createSlots(threads)
  const opened = createOpened(openModel, sessionBytes)
  const trainings = createTrainings({ threads })

  const start = async (): Promise<Piscina<Task, Answer>> => {
    checkOnnxruntime()
    // Telemetry of newer builds is stopped only from the main thread, before the library is first loaded.
    process.env['ORT_DISABLE_TELEMETRY'] = '1'
    const { Piscina: Pool } = await import('piscina')
    const workerData: WorkerOptions = { sessionBytes, intraOpThreads }
    started = new Pool<Task, Answer>({
      filename: workerFile,
      minThreads: 0,
      maxThreads: 2 * threads,
      idleTimeout: 60_000,
      workerData,
      // The process's own flags are not the worker's: with --eval among them it would never begin.
      execArgv: [],
      atomics: 'disabled',
    })
    // A worker that dies fails its task, which tells the caller; without a listener it would also end the process.
    started.on('error', () => undefined)
    return started
  }

  const ask: typeof askNow = async (...task) => {
    asking++
    try {
      return await askNow(...task)
    } finally {
      asking--
    }
  }
  const askNow = async (model: ModelSource, feeds: Task['feeds'], signal: AbortSignal): Promise<Exclude<Answer, { kind: 'abandoned' }>> => {
    if (closed) throw failure('unavailable', 'the host is stopping')
    if (signal.aborted) throw abortedBy(signal)
    checkModel(model)
    const [workers, source] = await Promise.all([(pool ??= start()), opened.get(model, signal)])
    const release = await slots.take(signal)
    const givenUp = new Int32Array(new SharedArrayBuffer(4))
    const working = workers.run({ hash: model.hash, model: source, generation, givenUp, ...(feeds !== undefined && { feeds }) })
    let left = false
    const ended = working
      .catch(() => undefined)
      .finally(() => {
        inWorkers.delete(ended)
        if (left) abandoned--
        completed++
        release()
      })
    inWorkers.add(ended)
    const { fired, stop } = firing(signal)
    try {
      const answer = await Promise.race([working, fired])
      if (answer !== 'aborted' && answer.kind !== 'abandoned') return answer
    } catch (error) {
      throw failure(
        'worker-died',
        `a compute worker ended in the middle of its work: ${error instanceof Error ? error.message : String(error)}`,
        error,
      )
    } finally {
      stop()
    }
    left = true
    Atomics.store(givenUp, 0, 1)
    if (abandoned++ < threads) release()
    throw abortedBy(signal)
  }
  const answered = (answer: Exclude<Answer, { kind: 'abandoned' }>): Exclude<Answer, { kind: 'failed' | 'abandoned' }> => {
    if (answer.kind === 'failed') throw failure(answer.code, answer.text)
    return answer
  }

  const toFile = async ({ content, dtype, shape }: TensorRef, signal: AbortSignal): Promise<TensorFile> => {
    if (dtype === 'string') throw failure('tensor-mismatch', 'a tensor of strings cannot be given by reference')
    if (openContent === undefined) throw failure('unsupported', 'this host takes tensors by value only')
    return { dtype, shape, bytes: await openContent(content, signal) }
  }

  return {
    async inspect(model, signal) {
      const answer = answered(await ask(model, undefined, signal))
      if (answer.kind !== 'shape') throw failure('internal', 'a worker answered another question')
      return answer.shape
    },
    async run(model, feeds, signal, onQueued) {
      const asked = performance.timeOrigin + performance.now()
      const taken = await Promise.all(
        Object.entries(feeds).map(
          async ([name, feed]) => [name, feed instanceof Tensor ? toPlain(feed) : await toFile(feed, signal)] as const,
        ),
      )
      const answer = answered(await ask(model, Object.fromEntries(taken), signal))
      if (answer.kind !== 'outputs') throw failure('internal', 'a worker answered another question')
      onQueued?.(Math.max(0, answer.startedAt - asked))
      return Object.fromEntries(Object.entries(answer.outputs).map(([name, tensor]) => [name, tensorOf(tensor)]))
    },
    train: trainings.train,
    stats: () => ({
      workers: (started?.threads.length ?? 0) + trainings.count,
      running: inWorkers.size - abandoned,
      abandoned,
      queued: slots.waiting,
      completed,
    }),
    dropSessions: () => {
      generation++
      opened.clear()
      return Promise.resolve()
    },
    async endIdle() {
      if (asking > 0 || inWorkers.size > 0 || started === undefined || closed) return false
      const idle = started
      pool = undefined
      started = undefined
      opened.clear()
      await idle.destroy()
      return true
    },
    async close() {
      closed = true
      slots.close(failure('unavailable', 'the host is stopping'))
      await trainings.close()
      while (inWorkers.size > 0) await Promise.all(inWorkers)
      // Not piscina's own close: after 30 s it ends workers in the middle of their work.
      if (pool !== undefined) await (await pool).destroy()
    },
  }
}
