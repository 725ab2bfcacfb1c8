import { abortedBy, failure } from '../../core/errors.ts'
import type { ContentRef } from '../../core/content.ts'
import type { Compute, ComputeFigures, ModelSource, TensorRef } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import { checkModel } from '../../objects/model/identity.ts'
import { createOpened } from './opened.ts'
import { tensorOf } from './plain.ts'
import { ProcessLedger } from './process/ledger.ts'
import { createProcesses } from './process/processes.ts'
import type { Quarantine } from './quarantine.ts'
import { createSlots } from './slots.ts'
import { createTrainings } from './training.ts'
import type { Answer, OpenBytes, OpenModel, PlainTensor, Task, TensorFile } from './task.ts'
import { createThreads } from './threads.ts'
import type { Workers } from './workers.ts'

export type { OpenBytes, OpenModel } from './task.ts'

export interface ComputeOptions {
  /** Runs at a time. Workers are started by work that finds none free. */
  readonly threads: number
  /** Whether models run in processes of their own, or in threads of this one. Default `process`. */
  readonly kind?: ComputeKind
  /** How long a run may go on in a process whose caller has given up, in ms. Default 5000. */
  readonly graceMs?: number
  /** How long `close` waits for runs in processes whose callers still wait, in ms. Default 5000. */
  readonly closeMs?: number
  /** Bytes of the outputs of a run in a process at the most. Default 2 GiB. */
  readonly resultBytes?: number
  /** Memory that a process may have for itself; one that has more is ended as if it had crashed, by `watchMemory`. Default: any. */
  readonly processBytes?: number
  /** Default: one of its own. */
  readonly quarantine?: Quarantine
  /** The file that processes run; tests have others. */
  readonly program?: string
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
  /** Ends workers that have no work, with their sessions; threads only where none works. @returns whether it ended any */
  endIdle(): Promise<boolean>
  /** Ids of the compute processes. */
  pids(): readonly number[]
  /** Looks at the memory of processes. @returns what all have for themselves, in bytes */
  watchMemory(): number
  /** The host is about to stop: runs that go on for longer than `ms` fail with `unavailable`, where they are in processes. */
  hurry(ms: number): void
  /** Refuses what waits, waits for what runs (in threads for abandoned runs too, in processes not for long), ends the workers. */
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
  /** Absent for threads. */
  readonly processes?: ComputeFigures
}

const toPlain = ({ dtype, data, shape }: Tensor): PlainTensor => ({ dtype, data, shape })
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

/** How compute is kept apart from the host; see docs/decisions/016. */
export const computeKinds = ['process', 'thread'] as const
export type ComputeKind = (typeof computeKinds)[number]

/** A run whose caller has given up may go on for so long. */
const GRACE_MS = 5000
/** A host that closes waits so long for runs whose callers still wait. */
const CLOSE_MS = 5000
const RESULT_BYTES = 2 ** 31

/**
 * Runs models in processes or threads of their own, since `session.run` blocks its thread.
 *
 * A run cannot be stopped from within. An abort answers the caller at once, and the run goes on: in a process for a while, and
 * then the process is ended; in a thread to its end. Its place goes to others at once, on a spare worker, for as many abandoned
 * runs as there are places; beyond that they keep their places, which bounds what callers with short deadlines can pile up.
 */
export const createCompute = ({
  threads,
  kind = 'process',
  intraOpThreads = 1,
  sessionBytes = 512 * 1024 ** 2,
  graceMs = GRACE_MS,
  closeMs = CLOSE_MS,
  resultBytes = RESULT_BYTES,
  processBytes = Infinity,
  quarantine,
  program,
  openModel,
  openContent,
}: ComputeOptions): ComputePool => {
  const ledger = kind === 'process' ? new ProcessLedger(quarantine, program) : undefined
  const workers: Workers =
    ledger === undefined
      ? createThreads(2 * threads, { sessionBytes, intraOpThreads })
      : createProcesses({ ledger, graceMs, closeMs, sessionBytes, intraOpThreads, resultBytes })
  let generation = 0
  let closed = false
  let abandoned = 0
  let completed = 0
  const inWorkers = new Set<Promise<unknown>>()
  /** Tasks that have been asked for: they may not be in a worker yet. */
  let asking = 0
  const slots = createSlots(threads)
  const opened = createOpened(openModel, sessionBytes)
  const trainings = createTrainings({ threads, kind, graceMs, closeMs, ...(ledger !== undefined && { ledger }) })

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
    workers.check(model.hash)
    const source = await opened.get(model, signal)
    const release = await slots.take(signal)
    const work = workers.run({ hash: model.hash, model: source, generation, ...(feeds !== undefined && { feeds }) })
    let left = false
    const ended = work.answer
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
      const answer = await Promise.race([work.answer, fired])
      if (answer !== 'aborted' && answer.kind !== 'abandoned') return answer
    } finally {
      stop()
    }
    left = true
    work.giveUp()
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
      workers: workers.count + trainings.count,
      running: inWorkers.size - abandoned,
      abandoned,
      queued: slots.waiting,
      completed,
      ...(ledger !== undefined && { processes: ledger.figures }),
    }),
    pids: () => ledger?.pids ?? [],
    watchMemory: () => ledger?.watchMemory(processBytes) ?? 0,
    hurry: (ms) => {
      workers.hurry(ms)
      trainings.hurry(ms)
    },
    dropSessions: () => {
      generation++
      opened.clear()
      return Promise.resolve()
    },
    async endIdle() {
      if (closed || (kind === 'thread' && (asking > 0 || inWorkers.size > 0))) return false
      opened.clear()
      return workers.endIdle()
    },
    async close() {
      closed = true
      slots.close(failure('unavailable', 'the host is stopping'))
      await Promise.all([trainings.close(), workers.close()])
      await ledger?.end()
    },
  }
}
