import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import { Tensor } from '../../src/core/tensor.ts'
import { isDType } from '../../src/core/dtype.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- none is used: onnxruntime's constructor wants a type for each dtype
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
