import { failure, toFailure } from '../../core/errors.ts'
import { Tensor } from '../../core/tensor.ts'
import { readGraph } from '../../graph/read.ts'
import { prepare, type TrainOptions } from '../../training/compile.ts'
import { scalarsOf } from '../../training/optimizer.ts'
import { Runner } from '../../training/runner.ts'
import type { Onnx } from './onnxruntime.ts'
import { plainOf, type PlainTensors, tensorsOf } from './plain.ts'
import { type TrainingAnswer, trainingCodes, type TrainingAsk, type TrainingData } from './training-task.ts'

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

const perform = async (runner: Runner, options: TrainOptions, asked: TrainingAsk): Promise<TrainingAnswer> => {
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
      return {}
  }
}

/** One model in training: it holds the model's state, and does what it is asked, one after the other. */
export interface Trainer {
  /** What came of opening it. */
  readonly answer: TrainingAnswer
  perform(asked: TrainingAsk): Promise<TrainingAnswer>
}

export const openTrainer = (onnx: Onnx, { graph, options: given, seed, threads, state }: TrainingData): Trainer => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the trainer's schema has let it through, and `prepare` checks what that cannot
  const options = given as unknown as TrainOptions
  try {
    const runner = new Runner(onnx, prepare(readGraph(graph), options), { threads, seed })
    if (state !== undefined) runner.restore(tensorsOf(state))
    return { answer: {}, perform: (asked) => perform(runner, options, asked).catch(failed) }
  } catch (error) {
    const answer = failed(error)
    return { answer, perform: () => Promise.resolve(answer) }
  }
}
