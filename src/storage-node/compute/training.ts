import { createHash } from 'node:crypto'
import { abortedBy, failure, failureWith } from '../../core/errors.ts'
import type { Compute, Training, TrainingProgram, TrainingTold } from '../../core/self.ts'
import { checkOnnxruntime } from './onnxruntime.ts'
import { plainOf, tensorsOf } from './plain.ts'
import { ProcessLedger } from './process/ledger.ts'
import { openTrainingProcess } from './process/training-process.ts'
import type { TrainingPort } from './training-port.ts'
import { openTrainingThread } from './training-thread.ts'
import type { TrainingAsk } from './training-task.ts'

export interface Trainings extends Pick<Compute, 'train'> {
  /** Models in training now. */
  readonly count: number
  /** What is done longer than `ms` from now fails with `unavailable`, where it is in a process. */
  hurry(ms: number): void
  /** Waits for what runs, in processes not for long, and ends all. */
  close(): Promise<void>
}
export interface TrainingsOptions {
  /** Threads of onnxruntime for each model. */
  readonly threads: number
  /** Default `process`. */
  readonly kind?: 'process' | 'thread'
  /** How long a model may go on with what nobody waits for any more, in ms. Default 5000. */
  readonly graceMs?: number
  /** How long `close` waits for what models do, in ms. Default 5000. */
  readonly closeMs?: number
  /** Of the host's processes. Default: one of its own. */
  readonly ledger?: ProcessLedger
  /** Models in training at once. Default 4. */
  readonly most?: number
}

export const createTrainings = ({
  threads,
  kind = 'process',
  graceMs = 5000,
  closeMs = 5000,
  ledger = new ProcessLedger(),
  most = 4,
}: TrainingsOptions): Trainings => {
  const open = new Set<TrainingPort>()
  const opening = new Set<Promise<TrainingPort>>()
  let closed = false
  return {
    get count() {
      return open.size
    },
    async train({ graph, options, seed, state }: TrainingProgram, signal) {
      if (closed) throw failure('unavailable', 'the host is stopping')
      if (signal.aborted) throw abortedBy(signal)
      if (open.size + opening.size >= most)
        throw failureWith('overloaded', `${open.size + opening.size} models are in training, the most that this host takes`, {
          retryAfterMs: 5000,
        })
      checkOnnxruntime()
      const data = { graph, options, seed, threads, ...(state !== undefined && { state: plainOf(state) }) }
      const started =
        kind === 'thread'
          ? openTrainingThread(data)
          : openTrainingProcess(data, { ledger, graceMs, closeMs, signal, hash: createHash('sha256').update(graph).digest('hex') })
      opening.add(started)
      try {
        const port = await started
        open.add(port)
        void port.ended.then(() => open.delete(port))
        return trainingOf(port)
      } finally {
        opening.delete(started)
      }
    },
    hurry(ms) {
      for (const port of open) port.hurry(ms)
    },
    async close() {
      closed = true
      await Promise.all([...open, ...opening].map(async (port) => (await port).close()).map((ending) => ending.catch(() => undefined)))
    },
  }
}

const trainingOf = (port: TrainingPort): Training => {
  const told = async (asked: TrainingAsk): Promise<TrainingTold> => (await port.ask(asked)).told ?? { loss: Number.NaN }
  return {
    step: (feeds, at) => told({ ask: 'step', feeds: plainOf(Object.entries(feeds)), at }),
    async gather(feeds, share, draw) {
      const { told: numbers, tensors } = await port.ask({ ask: 'gather', feeds: plainOf(Object.entries(feeds)), share, draw })
      return { loss: Number.NaN, ...numbers, inputs: Object.fromEntries(tensorsOf(tensors)) }
    },
    forward: async (feeds, draw) =>
      Object.fromEntries(tensorsOf((await port.ask({ ask: 'forward', feeds: plainOf(Object.entries(feeds)), draw })).tensors)),
    backward: (gradients) => told({ ask: 'backward', feeds: plainOf(Object.entries(gradients)) }),
    gathered: async () => tensorsOf((await port.ask({ ask: 'gathered' })).tensors),
    replaceGathered: async (gradients, statistics) =>
      void (await port.ask({
        ask: 'replace',
        tensors: plainOf(gradients),
        ...(statistics !== undefined && { statistics: plainOf(statistics) }),
      })),
    statistics: async () => tensorsOf((await port.ask({ ask: 'statistics' })).tensors),
    apply: (at, beyond = 0) => told({ ask: 'apply', at, beyond }),
    async evaluate(feeds, outputs = []) {
      const { told: numbers, tensors } = await port.ask({ ask: 'evaluate', feeds: plainOf(Object.entries(feeds)), outputs })
      return { loss: Number.NaN, ...numbers, outputs: Object.fromEntries(tensorsOf(tensors)) }
    },
    state: async () => tensorsOf((await port.ask({ ask: 'state' })).tensors),
    restore: async (state) => void (await port.ask({ ask: 'restore', tensors: plainOf(state) })),
    close: () => port.close(),
  }
}
