import { readFileSync } from 'node:fs'
import type { InferenceSession } from 'onnxruntime-node'
import { checkModelFile } from './model-bounds.ts'
import type { Onnx } from './onnxruntime.ts'
import type { OpenBytes, Task, WorkerOptions } from './task.ts'

// With a table of external data onnxruntime reads no file that is not in it; without one, any in the model's folder, which
// in a content store holds what belongs to others. So the table is never empty.
const NO_OTHERS = { path: 'no other external data', data: new Uint8Array(1) }

/**
 * Sessions of one worker, by the model's hash, up to a number of bytes of models; the longest unused goes first.
 * @param check of a model before onnxruntime reads it
 */
export const createSessions = (onnx: Onnx, { sessionBytes, intraOpThreads }: WorkerOptions, check = checkModelFile) => {
  const open = new Map<string, { readonly session: InferenceSession; readonly bytes: number }>()
  let total = 0
  let generation = 0

  const forget = async (hash: string) => {
    const entry = open.get(hash)
    open.delete(hash)
    total -= entry?.bytes ?? 0
    await entry?.session.release()
  }
  // onnxruntime refuses shared memory, so the worker makes its own copy, for as long as loading takes.
  const own = (source: OpenBytes) =>
    typeof source === 'string' || source instanceof Uint8Array ? source : new Uint8Array(new Uint8Array(source))

  const get = async (task: Task): Promise<InferenceSession> => {
    if (task.generation !== generation) {
      generation = task.generation
      for (const hash of [...open.keys()]) await forget(hash)
    }
    const known = open.get(task.hash)
    if (known !== undefined) {
      open.delete(task.hash)
      open.set(task.hash, known)
      return known.session
    }
    const options: InferenceSession.SessionOptions = {
      executionProviders: ['cpu'],
      // Pinned: these decide speed on a busy machine, and the optimization level decides the bits of the result.
      intraOpNumThreads: intraOpThreads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
      externalData: [
        NO_OTHERS,
        ...task.model.external.map(({ location, file }) => ({
          path: location,
          data: typeof file === 'string' ? readFileSync(file) : own(file),
        })),
      ],
    }
    const file = own(task.model.file)
    check(file)
    const session = await (typeof file === 'string'
      ? onnx.InferenceSession.create(file, options)
      : onnx.InferenceSession.create(file, options))
    open.set(task.hash, { session, bytes: task.model.bytes })
    total += task.model.bytes
    for (const hash of [...open.keys()]) {
      if (total <= sessionBytes || hash === task.hash) break
      await forget(hash)
    }
    return session
  }
  return { get, has: (hash: string, of: number) => of === generation && open.has(hash) }
}
