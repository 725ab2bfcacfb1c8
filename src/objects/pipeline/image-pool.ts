import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Piscina } from 'piscina'
import { failure } from '../../core/errors.ts'
import { createBudget } from '../concurrency.ts'
import type { Work } from './decode.ts'
import type { Shaped, SampleWork } from './image-sample.ts'

/** What a worker is asked; bytes and pixels lie in shared memory. */
export type ShapeTask = Omit<Work, 'sharp'> & SampleWork
export type ShapeAnswer =
  | ({ readonly kind: 'shaped' } & Shaped)
  | { readonly kind: 'failed'; readonly text: string; readonly code?: 'bad-sample' | undefined }

/** Samples under way in this process: the cores, at most libuv's threads, of which each occupies one while it is decoded. */
export const imageThreads = Math.min(availableParallelism(), Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 4)

// The built worker lies beside this file; from source there is a loader for it.
const workerFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './image-worker-from-source.mjs' : './image-worker.js', import.meta.url),
)

let pool: Promise<Piscina<ShapeTask, ShapeAnswer>> | undefined
const start = async () => {
  // Loaded in this thread before any worker loads it: the library has to stay when a worker ends.
  await import('sharp')
  const { Piscina: Pool } = await import('piscina')
  const made = new Pool<ShapeTask, ShapeAnswer>({
    filename: workerFile,
    minThreads: 0,
    maxThreads: imageThreads,
    idleTimeout: 60_000,
    execArgv: [],
    atomics: 'disabled',
  })
  // A worker that dies fails its task; without a listener it would also end the process.
  made.on('error', () => undefined)
  return made
}

/** Not a transfer: that would slow down typed arrays in this thread for good. */
const shared = (bytes: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  copy.set(bytes)
  return copy
}

/** Pixels of the images that are decoded at a time, 3 bytes each; a larger image is decoded alone. */
const TOGETHER = 64_000_000
const budget = createBudget(TOGETHER)

/**
 * Lets work wait until there is room for its pixels.
 * @param most pixels of one image that the host has memory for: where that is little, fewer are decoded at a time
 */
export const withinBudget = <T>(pixels: number, most: number, work: () => Promise<T>): Promise<T> =>
  budget.run(pixels * Math.max(1, TOGETHER / most), work)

/** Shapes a sample in a worker thread: for work that would keep the main thread from its callers. */
export const shapeInPool = async ({ input, ...task }: ShapeTask): Promise<Shaped> => {
  const workers = await (pool ??= start())
  const answer = await workers.run({ ...task, input: input instanceof Uint8Array ? shared(input) : { ...input, data: shared(input.data) } })
  if (answer.kind === 'shaped') return { pixels: answer.pixels, mirror: answer.mirror }
  throw answer.code === undefined ? new Error(answer.text) : failure(answer.code, answer.text)
}
