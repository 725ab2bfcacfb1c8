import { opDraws } from '../../../src/core/random.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import type { Feeds } from '../../../src/training/feeds.ts'
import type { Optimizer } from '../../../src/training/optimizer.ts'
import { gcnSampled, graphSage } from '../models/graph-network.ts'
import { mlp } from '../models/mlp.ts'
import { sequenceClassifier } from '../models/recurrent.ts'
import { resNet } from '../models/resnet.ts'
import { transformer } from '../models/transformer.ts'

/** A model, how it is trained, and batches for it: the same for both sides. The loss is cross entropy of `labels`. */
export interface Job {
  /** Its name and options in torch_models.py. */
  readonly model: string
  readonly options: Readonly<Record<string, unknown>>
  readonly graph: Graph
  readonly optimizer: Optimizer
  readonly rate: number
  readonly batches: readonly Feeds[]
}

/** Five batches in turn: enough that none is learned by heart within 50 steps, and few enough that the loss falls. */
const BATCHES = 5

const sizeOf = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1)
const drawsFor = (name: string, batch: number) => opDraws(11, batch, name, 0)
const floats = (name: string, batch: number, shape: readonly number[]) => {
  const draws = drawsFor(name, batch)
  return new Tensor(
    'float32',
    Float32Array.from({ length: sizeOf(shape) }, () => (draws.uniform() * 2 - 1) * Math.sqrt(3)),
    shape,
  )
}
const wholes = (name: string, batch: number, below: number, shape: readonly number[]) => {
  const draws = drawsFor(name, batch)
  return new Tensor(
    'int64',
    BigInt64Array.from({ length: sizeOf(shape) }, () => BigInt(draws.below(below))),
    shape,
  )
}
/** Ones and then zeros in each row, at least one of each ones. */
const beginnings = (name: string, batch: number, [rows = 0, width = 0]: readonly number[]) => {
  const draws = drawsFor(name, batch)
  const lengths = Array.from({ length: rows }, () => 1 + draws.below(width))
  return new Tensor('float32', Float32Array.from({ length: rows * width }, (_, i) => (i % width < (lengths[Math.floor(i / width)] ?? 0) ? 1 : 0)), [rows, width]) // prettier-ignore
}

const batches = (make: (batch: number) => Feeds, count = BATCHES): readonly Feeds[] => Array.from({ length: count }, (_, i) => make(i))

const sgd = { kind: 'sgd', momentum: 0.9, weightDecay: 0.0005 } as const

export const resNetJob = (depth: 8 | 18, size: number, count?: number): Job => ({
  model: 'resnet',
  options: { depth },
  graph: resNet({ depth }),
  optimizer: sgd,
  rate: 0.05,
  batches: batches((i) => ({ image: floats('image', i, [size, 3, 32, 32]), labels: wholes('labels', i, 10, [size]) }), count),
})
export const mlpJob = (size: number): Job => ({
  model: 'mlp',
  options: { features: 64, hidden: [128, 64], outputs: 10 },
  graph: mlp({ features: 64, hidden: [128, 64], outputs: 10 }),
  optimizer: { ...sgd, nesterov: true },
  rate: 0.05,
  batches: batches((i) => ({ x: floats('x', i, [size, 64]), labels: wholes('labels', i, 10, [size]) })),
})
export const lstmJob = (size: number, { steps = 50, hidden = 64 } = {}): Job => ({
  model: 'lstm',
  options: { features: 8, hidden, classes: 5, layers: 1 },
  graph: sequenceClassifier({ cell: 'LSTM', features: 8, hidden, classes: 5 }),
  optimizer: { kind: 'adam' },
  rate: 0.003,
  batches: batches((i) => ({ x: floats('x', i, [size, steps, 8]), labels: wholes('labels', i, 5, [size]) })),
})
const FANOUTS = [10, 5] as const
export const networkJob = (kind: 'graphsage' | 'gcn', batch: number, { features = 64, hidden = 64 } = {}): Job => {
  const options = { features, hidden, classes: 8, batch, fanouts: FANOUTS }
  const [one, two] = [batch * (1 + FANOUTS[0]), batch * (1 + FANOUTS[0]) * (1 + FANOUTS[1])]
  return {
    model: kind,
    options,
    graph: kind === 'gcn' ? gcnSampled(options) : graphSage(options),
    optimizer: { kind: 'adam' },
    rate: 0.003,
    batches: batches((i) => ({
      features: floats('features', i, [two, features]),
      neighbours0: wholes('neighbours0', i, one, [batch, FANOUTS[0]]),
      mask0: beginnings('mask0', i, [batch, FANOUTS[0]]),
      neighbours1: wholes('neighbours1', i, two, [one, FANOUTS[1]]),
      mask1: beginnings('mask1', i, [one, FANOUTS[1]]),
      labels: wholes('labels', i, 8, [batch]),
    })),
  }
}
export const transformerJob = (size: number, { steps = 64, width = 64, vocabulary = 2000 } = {}): Job => ({
  model: 'transformer',
  options: { vocabulary, classes: 2, steps, width, heads: 4, layers: 2 },
  graph: transformer({ vocabulary, classes: 2, steps, width, heads: 4, layers: 2 }),
  optimizer: { kind: 'adamw', weightDecay: 0.05 },
  rate: 0.001,
  batches: batches((i) => ({
    tokens: wholes('tokens', i, vocabulary, [size, steps]),
    mask: beginnings('mask', i, [size, steps]),
    labels: wholes('labels', i, 2, [size]),
  })),
})
