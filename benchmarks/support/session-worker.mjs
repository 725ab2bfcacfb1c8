// One thread of the raw loop. Plain JavaScript: a worker thread gets no TypeScript loader.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import * as onnx from 'onnxruntime-node'

const { file, shape } = workerData
// As a node's compute worker sets them.
const session = await onnx.InferenceSession.create(readFileSync(file), {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 4,
})
const input = new onnx.Tensor(
  'float32',
  Float32Array.from({ length: shape.reduce((product, side) => product * side, 1) }, (_, at) => (at % 255) / 255),
  shape,
)

const loop = async (milliseconds) => {
  const began = performance.now()
  let runs = 0
  // The last run may end late; what counts is runs per time really taken, which the parent measures.
  while (performance.now() - began < milliseconds) {
    await session.run({ [session.inputNames[0]]: input })
    runs++
  }
  return runs
}

parentPort.on('message', (milliseconds) => {
  void loop(milliseconds).then((runs) => parentPort.postMessage(runs))
})
