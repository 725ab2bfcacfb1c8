import ort from 'onnxruntime-node'
import { Tensor } from '../../../src/core/tensor.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { onnxBytes } from './onnx-bytes.ts'

const asOrt = ({ dtype, data, shape }: Tensor): ort.Tensor => Reflect.construct(ort.Tensor, [dtype, data, [...shape]]) as ort.Tensor
const fromOrt = ({ type, data, dims }: ort.Tensor): Tensor => Reflect.construct(Tensor, [type, data, dims]) as Tensor

/** The outputs of a graph in stock onnxruntime, once for each number of threads. */
export const runInOrt = async (
  graph: Graph,
  feeds: ReadonlyMap<string, Tensor>,
  threads: readonly number[],
): Promise<readonly ReadonlyMap<string, Tensor>[]> => {
  const bytes = onnxBytes(graph)
  const given = Object.fromEntries([...graph.inputs.keys()].map((name) => [name, asOrt(feeds.get(name) ?? missing(name))]))
  const results: Map<string, Tensor>[] = []
  for (const intraOpNumThreads of threads) {
    const session = await ort.InferenceSession.create(bytes, {
      intraOpNumThreads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
    })
    const outputs = await session.run(given)
    results.push(new Map(Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor)])))
    await session.release()
  }
  return results
}
const missing = (name: string): never => {
  throw new Error(`nothing is fed to "${name}"`)
}
