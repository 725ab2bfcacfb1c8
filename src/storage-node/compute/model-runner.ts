import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import { byteLengthOf, isDType } from '../../core/dtype.ts'
import { failure, isActiveStorageError } from '../../core/errors.ts'
import type { ModelShape, TensorSpec } from '../../core/self.ts'
import { tensorFromBytes } from '../../core/tensor.ts'
import { outputDtypes } from '../../objects/pipeline/ops.ts'
import type { Onnx } from './onnxruntime.ts'
import { createSessions } from './sessions.ts'
import type { Answer, PlainTensor, Task, TensorFile, WorkerOptions } from './task.ts'

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error))

const specs = (metadata: readonly InferenceSession.ValueMetadata[]): TensorSpec[] =>
  metadata.map((entry) =>
    entry.isTensor ? { name: entry.name, dtype: entry.type, shape: entry.shape } : { name: entry.name, dtype: 'not a tensor', shape: [] },
  )
const shapeOf = (session: InferenceSession): ModelShape => ({
  inputs: specs(session.inputMetadata),
  outputs: specs(session.outputMetadata),
})

const shown = (dtype: string, shape: readonly (number | string)[]) => `${dtype} [${shape.join(', ')}]`
const remedyOf = (wanted: string): string => {
  const castTo = outputDtypes.some((dtype) => dtype === wanted)
  return castTo ? `: a pipeline casts with { op: 'dtype', dtype: '${wanted}' }` : `: make it a tensor of ${wanted}`
}

/** Refuses before the run what onnxruntime would refuse in it with less to say. */
const check = ({ inputs }: ModelShape, feeds: Readonly<Record<string, PlainTensor | TensorFile>>): void => {
  const names = inputs.map(({ name }) => name)
  for (const name of Object.keys(feeds))
    if (!names.includes(name)) throw failure('tensor-mismatch', `the model has no input "${name}"; it has ${names.join(', ')}`)
  for (const { name, dtype, shape } of inputs) {
    const feed = Object.hasOwn(feeds, name) ? feeds[name] : undefined
    if (feed === undefined) throw failure('tensor-mismatch', `input "${name}" is missing: the model needs ${shown(dtype, shape)}`)
    // Without sides onnxruntime tells both a scalar and an input that states no shape: that one takes any.
    const fits =
      shape.length === 0 ||
      (feed.shape.length === shape.length &&
        shape.every((side, axis) => typeof side !== 'number' || side <= 0 || side === feed.shape[axis]))
    if (!fits || feed.dtype !== dtype)
      throw failure(
        'tensor-mismatch',
        `input "${name}" needs ${shown(dtype, shape)}, it was given ${shown(feed.dtype, feed.shape)}${feed.dtype === dtype ? '' : remedyOf(dtype)}`,
      )
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1)

// Inputs read from files go into the same memory run after run: fresh pages for each would cost more than the reading.
const scratch: Uint8Array[] = []

const readInto = (path: string, place: number, expected: number): Uint8Array => {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    // Before memory is taken for a file of any size.
    if (size !== expected) throw failure('tensor-mismatch', `an input by reference needs ${expected} bytes, there are ${size}`)
    let held = scratch[place]
    if (held === undefined || held.byteLength < size) held = scratch[place] = new Uint8Array(size)
    let filled = 0
    while (filled < size) {
      const count = readSync(fd, held, filled, size - filled, filled)
      if (count === 0) break
      filled += count
    }
    return held.subarray(0, filled)
  } finally {
    closeSync(fd)
  }
}

/** onnxruntime refuses shared memory, so that is copied; a file is read into the worker's own. */
const loaded = (feed: PlainTensor | TensorFile, place: number): PlainTensor => {
  if ('data' in feed) return feed
  const expected = () => byteLengthOf(feed.dtype, sizeOf(feed.shape))
  const { bytes: source } = feed
  const bytes =
    typeof source === 'string'
      ? readInto(source, place, expected())
      : source instanceof Uint8Array
        ? source
        : new Uint8Array(new Uint8Array(source))
  const { dtype, data: held, shape } = tensorFromBytes(feed.dtype, bytes, feed.shape)
  return { dtype, data: held, shape }
}

const toOnnx = (onnx: Onnx, { dtype, data: held, shape }: PlainTensor): OnnxTensor =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pool took dtype and array from a Tensor, whose constructor held them together
  new onnx.Tensor(dtype as 'float32', held as Float32Array, shape)

const toPlain = (name: string, tensor: OnnxTensor): PlainTensor => {
  const dtype: string = tensor.type
  if (!isDType(dtype)) throw failure('bad-model', `output "${name}" has the dtype ${dtype}, which is not supported`)
  return { dtype, data: tensor.data, shape: tensor.dims }
}

export interface ModelRunner {
  /** Whether the model is loaded, and stays so for a task of this generation. */
  has(hash: string, generation: number): boolean
  /** Runs one task. @param givenUp whether nobody waits for it any more: asked before what takes long */
  task(task: Task, givenUp: () => boolean): Promise<Answer>
}

/** What a compute thread or process does. It copies outputs, which are small beside the work, and transfers none. */
export const createModelRunner = (onnx: Onnx, options: WorkerOptions): ModelRunner => {
  const sessions = createSessions(onnx, options)
  const run: ModelRunner['task'] = async (task, givenUp) => {
    // Counted from the epoch, so that the main thread can compare it with its own clock.
    const startedAt = performance.timeOrigin + performance.now()
    if (givenUp()) return { kind: 'abandoned' }
    let session: InferenceSession
    try {
      session = await sessions.get(task)
    } catch (error) {
      if (isActiveStorageError(error)) return { kind: 'failed', code: 'bad-model', text: error.text }
      return { kind: 'failed', code: 'bad-model', text: `onnxruntime cannot load the model: ${reason(error)}` }
    }
    const shape = shapeOf(session)
    if (task.feeds === undefined) return { kind: 'shape', shape }
    try {
      check(shape, task.feeds)
      const feeds = Object.fromEntries(Object.entries(task.feeds).map(([name, feed], place) => [name, toOnnx(onnx, loaded(feed, place))]))
      if (givenUp()) return { kind: 'abandoned' }
      const results = await session.run(feeds)
      return {
        kind: 'outputs',
        outputs: Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, toPlain(name, tensor)])),
        startedAt,
      }
    } catch (error) {
      if (isActiveStorageError(error))
        return { kind: 'failed', code: error.code === 'bad-model' ? 'bad-model' : 'tensor-mismatch', text: error.text }
      return { kind: 'failed', code: 'tensor-mismatch', text: `onnxruntime cannot run the model on these inputs: ${reason(error)}` }
    }
  }
  return { has: sessions.has, task: run }
}
