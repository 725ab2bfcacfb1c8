import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { failure } from '../../core/errors.ts'
import { checkOnnxruntime } from './onnxruntime.ts'
import type { Answer, PlainTensor, SharedTask, Task, TensorFile, WorkerOptions } from './task.ts'
import type { Work, Workers } from './workers.ts'

// The built worker lies beside this file; from source there is a loader for it.
const workerFile = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './worker-from-source.mjs' : './worker.js', import.meta.url))

// The structured clone copies the whole buffer below a view, and onnxruntime refuses shared memory: both get one tight copy.
const tight = (data: unknown): unknown => {
  if (!ArrayBuffer.isView(data) || (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength)) return data
  const bytes = new Uint8Array(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every typed array takes a buffer
  return new (data.constructor as new (buffer: ArrayBuffer) => ArrayBufferView)(bytes.buffer)
}
const tightFeed = (feed: PlainTensor | TensorFile): PlainTensor | TensorFile =>
  'data' in feed ? { ...feed, data: tight(feed.data) } : feed

/**
 * Runs tasks in threads of this process: `--compute thread`. A model that makes onnxruntime divide by zero ends the process,
 * and one that never ends keeps its thread. A thread is only ever ended while idle: to end one within `session.run` aborts the
 * whole process, since onnxruntime's binding then throws into an isolate that is going away (measured, every time: 1.27.0,
 * Node 20).
 */
export const createThreads = (most: number, options: WorkerOptions): Workers => {
  let pool: Promise<Piscina<SharedTask, Answer>> | undefined
  let started: Piscina<SharedTask, Answer> | undefined
  const running = new Set<Promise<unknown>>()

  const start = async (): Promise<Piscina<SharedTask, Answer>> => {
    checkOnnxruntime()
    // Telemetry of newer builds is stopped only from the main thread, before the library is first loaded.
    process.env['ORT_DISABLE_TELEMETRY'] = '1'
    const { Piscina: Pool } = await import('piscina')
    started = new Pool<SharedTask, Answer>({
      filename: workerFile,
      minThreads: 0,
      maxThreads: most,
      idleTimeout: 60_000,
      workerData: options,
      // The process's own flags are not the worker's: with --eval among them it would never begin.
      execArgv: [],
      atomics: 'disabled',
    })
    // A worker that dies fails its task, which tells the caller; without a listener it would also end the process.
    started.on('error', () => undefined)
    return started
  }

  const work = async ({ feeds, ...task }: Task, givenUp: Int32Array): Promise<Answer> => {
    const workers = await (pool ??= start())
    const given =
      feeds === undefined ? {} : { feeds: Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, tightFeed(feed)])) }
    try {
      return await workers.run({ ...task, ...given, givenUp })
    } catch (error) {
      throw failure(
        'worker-died',
        `a compute worker ended in the middle of its work: ${error instanceof Error ? error.message : String(error)}`,
        error,
      )
    }
  }

  return {
    get count() {
      return started?.threads.length ?? 0
    },
    check: () => undefined,
    hurry: () => undefined,
    run(task): Work {
      const givenUp = new Int32Array(new SharedArrayBuffer(4))
      const answer = work(task, givenUp)
      const ended = answer.catch(() => undefined).finally(() => running.delete(ended))
      running.add(ended)
      return { answer, giveUp: () => void Atomics.store(givenUp, 0, 1) }
    },
    async endIdle() {
      if (running.size > 0 || started === undefined) return false
      const idle = started
      pool = undefined
      started = undefined
      await idle.destroy()
      return true
    },
    async close() {
      while (running.size > 0) await Promise.all(running)
      // Not piscina's own close: after 30 s it ends workers in the middle of their work.
      if (pool !== undefined) await (await pool).destroy()
    },
  }
}
