// Run as a process: trains the job of a folder, and nothing else. Plain JavaScript over dist/, since a TypeScript loader
// would be much of its memory. Arguments: the folder (model.onnx, job.json, tensors.bin), onnxruntime's threads.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import ort from 'onnxruntime-node'
import { Tensor } from '../../dist/core/tensor.js'
import { readGraph } from '../../dist/graph/read.js'
import { scalarsOf } from '../../dist/training/optimizer.js'
import { prepare } from '../../dist/training/prepare.js'
import { Runner } from '../../dist/training/runner.js'

const [, , folder = '', threads = '1'] = process.argv
const { batches, optimizer, rate } = JSON.parse(readFileSync(join(folder, 'job.json'), 'utf8'))
const bytes = readFileSync(join(folder, 'tensors.bin'))
const arrays = { float32: Float32Array, int64: BigInt64Array }
const tensorOf = ({ dtype, shape, offset }) => {
  const size = shape.reduce((product, side) => product * side, 1)
  const begin = bytes.byteOffset + offset
  return new Tensor(dtype, new arrays[dtype](bytes.buffer.slice(begin, begin + size * arrays[dtype].BYTES_PER_ELEMENT)), shape)
}
const feeds = batches.map((batch) => Object.fromEntries(Object.entries(batch).map(([name, entry]) => [name, tensorOf(entry)])))
const open = () => {
  const { graph } = readGraph(readFileSync(join(folder, 'model.onnx')))
  return new Runner(ort, prepare(graph, { loss: { kind: 'cross-entropy' }, optimizer }), { threads: Number(threads) })
}
const runner = open()
let step = 0

process.stdout.write(`${JSON.stringify({ ready: 1 })}\n`)
for await (const line of createInterface({ input: process.stdin })) {
  const { count } = JSON.parse(line)
  const ms = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    await runner.step(feeds[step % feeds.length], scalarsOf(optimizer, step + 1, rate), step + 1)
    ms.push(performance.now() - began)
    step++
  }
  process.stdout.write(`${JSON.stringify({ ms: ms.toSorted((a, b) => a - b)[Math.floor(count / 2)] })}\n`)
}
process.exit(0)
