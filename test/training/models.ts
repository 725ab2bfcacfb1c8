import { opDraws } from '../../src/core/random.ts'
import { Tensor } from '../../src/core/tensor.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { gcnSampled, graphSage } from '../../examples/training/models/graph-network.ts'
import { mlp } from '../../examples/training/models/mlp.ts'
import { forecaster, sequenceClassifier } from '../../examples/training/models/recurrent.ts'
import { resNet } from '../../examples/training/models/resnet.ts'
import { transformer } from '../../examples/training/models/transformer.ts'
import type { Feeds } from '../../src/training/feeds.ts'
import type { Loss } from '../../src/training/loss.ts'

/** A small model of the examples, and batches for it. */
export interface SmallModel {
  readonly name: string
  readonly graph: Graph
  readonly loss: Loss
  batch(number: number, size: number): Feeds
}

const drawn = (name: string, batch: number) => opDraws(7, batch, name, 0)
const floats = (name: string, batch: number, ...shape: readonly number[]) => {
  const draws = drawn(name, batch)
  return new Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draws.uniform() * 2 - 1),
    shape,
  )
}
const wholes = (name: string, batch: number, below: number, ...shape: readonly number[]) => {
  const draws = drawn(name, batch)
  return new Tensor(
    'int64',
    BigInt64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => BigInt(draws.below(below))),
    shape,
  )
}
const flags = (name: string, batch: number, ...shape: readonly number[]) => {
  const draws = drawn(name, batch)
  return new Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (draws.uniform() < 0.7 ? 1 : 0)),
    shape,
  )
}

const GRAPH_BATCH = 8
const neighbours = (batch: number) => ({
  features: floats('features', batch, GRAPH_BATCH * 4 * 3, 6),
  neighbours0: wholes('neighbours0', batch, GRAPH_BATCH * 4, GRAPH_BATCH, 3),
  mask0: flags('mask0', batch, GRAPH_BATCH, 3),
  neighbours1: wholes('neighbours1', batch, GRAPH_BATCH * 12, GRAPH_BATCH * 4, 2),
  mask1: flags('mask1', batch, GRAPH_BATCH * 4, 2),
  labels: wholes('labels', batch, 4, GRAPH_BATCH),
})
const classes = { kind: 'cross-entropy' } as const

const modelsWith = (dropout: number): readonly SmallModel[] => [
  {
    name: 'mlp',
    graph: mlp({ features: 12, hidden: [32, 16], outputs: 5, dropout }),
    loss: classes,
    batch: (n, size) => ({ x: floats('x', n, size, 12), labels: wholes('labels', n, 5, size) }),
  },
  {
    name: 'resnet-8',
    graph: resNet({ depth: 8, size: 16 }),
    loss: classes,
    batch: (n, size) => ({ image: floats('image', n, size, 3, 16, 16), labels: wholes('labels', n, 10, size) }),
  },
  {
    name: 'lstm',
    graph: sequenceClassifier({ cell: 'LSTM', classes: 3, features: 4, hidden: 16, layers: 2, bidirectional: true }),
    loss: classes,
    batch: (n, size) => ({ x: floats('x', n, size, 9, 4), labels: wholes('labels', n, 3, size) }),
  },
  {
    name: 'gru forecaster',
    graph: forecaster({ cell: 'GRU', features: 2, hidden: 12, horizon: 3 }),
    loss: { kind: 'huber' },
    batch: (n, size) => ({ x: floats('x', n, size, 8, 2), labels: floats('labels', n, size, 3, 2) }),
  },
  {
    name: 'graphsage',
    graph: graphSage({ features: 6, hidden: 16, classes: 4, batch: GRAPH_BATCH, fanouts: [3, 2] }),
    loss: classes,
    batch: neighbours,
  },
  {
    name: 'gcn',
    graph: gcnSampled({ features: 6, hidden: 16, classes: 4, batch: GRAPH_BATCH, fanouts: [3, 2] }),
    loss: classes,
    batch: neighbours,
  },
  {
    name: 'transformer',
    graph: transformer({ vocabulary: 50, classes: 2, steps: 12, width: 16, heads: 2, dropout }),
    loss: classes,
    batch: (n, size) => ({
      tokens: wholes('tokens', n, 50, size, 12),
      mask: flags('mask', n, size, 12),
      labels: wholes('labels', n, 2, size),
    }),
  },
]

export const smallModels = modelsWith(0.25)
/** Those of which any rows make a batch, and whose results do not depend on what else is in it. */
export const rowWise = modelsWith(0).filter(({ name }) => !['resnet-8', 'graphsage', 'gcn'].includes(name))

/** The rows of a batch from here to there. */
export const rowsOf = (feeds: Feeds, from: number, to: number): Feeds =>
  Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => {
      const [count = 1, ...rest] = tensor.shape
      const width = tensor.size / count
      const data = tensor.data.slice(from * width, to * width) as Float32Array<ArrayBuffer>
      return [name, new Tensor(tensor.dtype as 'float32', data, [to - from, ...rest])]
    }),
  )
