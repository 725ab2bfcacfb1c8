import './half-as-bits.ts'
import { parentPort, workerData } from 'node:worker_threads'
import { failure, toFailure } from '../../core/errors.ts'
import { Tensor } from '../../core/tensor.ts'
import { readGraph } from '../../graph/read.ts'
import { prepare, type TrainOptions } from '../../training/compile.ts'
import { scalarsOf } from '../../training/optimizer.ts'
import { Runner } from '../../training/runner.ts'
import { loadOnnxruntime } from './onnxruntime.ts'
import { plainOf, type PlainTensors, tensorsOf } from './plain.ts'
import { type TrainingAnswer, trainingCodes, type TrainingAsk, type TrainingData } from './training-task.ts'

/** The thread of one model in training: it holds the model's state, and does what it is asked, one after the other. */

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what training.ts starts it with
const { graph, options: given, seed, threads, state } = workerData as TrainingData
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the trainer's schema has let it through, and `prepare` checks what that cannot
const options = given as unknown as TrainOptions

const onnx = loadOnnxruntime()
const port = parentPort
const answer = (value: TrainingAnswer) => port?.postMessage(value)
const failed = (error: unknown): TrainingAnswer => {
  const { code, text } = toFailure(error, error instanceof TypeError ? 'internal' : 'bad-model')
  return { failed: { code: trainingCodes.find((known) => known === code) ?? 'internal', text } }
}

const flat = (tensors: ReadonlyMap<string, Float32Array>): TrainingAnswer => ({
  tensors: plainOf([...tensors].map(([name, data]) => [name, new Tensor('float32', Float32Array.from(data), [data.length])])),
})
/** @throws `tensor-mismatch` */
const replace = (gathered: ReadonlyMap<string, Float32Array>, by: PlainTensors) => {
  for (const [name, into] of gathered) {
    const data = by[name]?.data
    if (!(data instanceof Float32Array) || data.length !== into.length)
      throw failure('tensor-mismatch', `"${name}" has to be ${into.length} numbers of float32`)
    into.set(data)
  }
}

const perform = async (runner: Runner, asked: TrainingAsk): Promise<TrainingAnswer> => {
  switch (asked.ask) {
    case 'step':
      return { told: await runner.step(Object.fromEntries(tensorsOf(asked.feeds)), scalarsOf(options.optimizer, asked.at.step, asked.at.learningRate), asked.at.step) } // prettier-ignore
    case 'gather': {
      const { inputs, ...told } = await runner.gather(Object.fromEntries(tensorsOf(asked.feeds)), asked.share, asked.draw)
      return { told, tensors: plainOf(Object.entries(inputs)) }
    }
    case 'forward':
      return { tensors: plainOf(Object.entries(await runner.forward(Object.fromEntries(tensorsOf(asked.feeds)), asked.draw))) }
    case 'backward':
      return { told: await runner.backward(Object.fromEntries(tensorsOf(asked.feeds))) }
    case 'gathered':
      return flat(runner.gathered())
    case 'statistics':
      return flat(runner.statistics())
    case 'replace':
      replace(runner.gathered(), asked.tensors)
      if (asked.statistics !== undefined) replace(runner.statistics(), asked.statistics)
      return {}
    case 'apply':
      return { told: await runner.apply(scalarsOf(options.optimizer, asked.at.step, asked.at.learningRate), asked.beyond) }
    case 'evaluate': {
      const { outputs, ...told } = await runner.evaluate(Object.fromEntries(tensorsOf(asked.feeds)), asked.outputs)
      return { told, tensors: plainOf(Object.entries(outputs)) }
    }
    case 'state':
      return { tensors: plainOf(runner.state()) }
    case 'restore':
      runner.restore(tensorsOf(asked.tensors))
      return {}
    case 'close':
      await runner.close()
      // The thread ends by itself: ended from outside within a run, it would take the process with it.
      port?.close()
      return {}
  }
}

let runner: Runner | undefined
try {
  runner = new Runner(onnx, prepare(readGraph(graph), options), { threads, seed })
  if (state !== undefined) runner.restore(tensorsOf(state))
  answer({})
} catch (error) {
  answer(failed(error))
  port?.close()
}
const opened = runner
let last: Promise<void> = Promise.resolve()
if (opened !== undefined)
  port?.on('message', (asked: TrainingAsk) => {
    last = last.then(async () => answer(await perform(opened, asked).catch(failed)))
  })
