import './half-as-bits.ts'
import { workerData } from 'node:worker_threads'
import { createModelRunner } from './model-runner.ts'
import { loadOnnxruntime } from './onnxruntime.ts'
import type { Answer, SharedTask, WorkerOptions } from './task.ts'

/** A compute thread of `--compute thread`: it loads onnxruntime into the host's own process. */
const isOptions = (data: unknown): data is WorkerOptions => typeof data === 'object' && data !== null && 'sessionBytes' in data
// piscina wraps what the pool gave in a list of its own.
const data: unknown = Array.isArray(workerData) ? workerData[1] : workerData
const options: WorkerOptions = isOptions(data) ? data : { sessionBytes: 512 * 1024 ** 2, intraOpThreads: 1 }

const runner = createModelRunner(loadOnnxruntime(), options)

export default function work({ givenUp, ...task }: SharedTask): Promise<Answer> {
  return runner.task(task, () => Atomics.load(givenUp, 0) === 1)
}
