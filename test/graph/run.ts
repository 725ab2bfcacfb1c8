import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import { Tensor } from '../../src/core/tensor.ts'
import { isDType } from '../../src/core/dtype.ts'

const onnxTensor = OnnxTensor as unknown as new (dtype: string, data: unknown, shape: readonly number[]) => OnnxTensor

/** The outputs of a model in onnxruntime, one thread, as the file says and not as an optimizer would have it. */
export const runModel = async (file: Uint8Array, feeds: ReadonlyMap<string, Tensor>): Promise<ReadonlyMap<string, Tensor>> => {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'disabled', logSeverityLevel: 4 }) // prettier-ignore
  try {
    const given = Object.fromEntries([...feeds].map(([name, { dtype, data, shape }]) => [name, new onnxTensor(dtype, data, shape)]))
    const results = await session.run(given)
    return new Map(session.outputNames.map((name) => [name, tensorOf(results[name])]))
  } finally {
    await session.release()
  }
}

const tensorOf = (from: OnnxTensor | undefined): Tensor => {
  if (from === undefined || !isDType(from.type)) throw new Error('no tensor of ours')
  return new Tensor(from.type, from.data as never, from.dims)
}

/** The bytes of numbers, and the text of strings: equal only where all bits are. */
export const bitsOf = (tensor: Tensor | undefined): string => {
  if (tensor === undefined) return 'none'
  const data: unknown = tensor.data
  const bytes = ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
    : JSON.stringify(data)
  return `${tensor.dtype}[${tensor.shape.join()}] ${bytes}`
}

/** What two tensors differ in beyond a tolerance; undefined where they do not. */
export const difference = (actual: Tensor, expected: Tensor, relative = 1e-3, absolute = 1e-5): string | undefined => {
  if (actual.dtype !== expected.dtype || actual.shape.join() !== expected.shape.join())
    return `${actual.dtype}[${actual.shape.join()}] is not ${expected.dtype}[${expected.shape.join()}]`
  if (actual.dtype === 'float16') return bitsOf(actual) === bitsOf(expected) ? undefined : 'other bits'
  for (const [i, value] of actual.data.entries()) {
    const other = expected.data[i]
    const near =
      typeof value === 'number' && typeof other === 'number'
        ? Object.is(value, other) || value === other || Math.abs(value - other) <= absolute + relative * Math.abs(other)
        : value === other
    if (!near) return `element ${i} is ${String(value)}, not ${String(other)}`
  }
  return undefined
}
