import type { Transport } from '../../../src/core/transport.ts'
import { opDraws } from '../../../src/core/random.ts'
import { GraphBuilder } from '../../../src/graph/builder.ts'
import { batchNorm, dropout, linear } from '../../../src/graph/layers.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import type { FitPlan, TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { remote } from '../../storage-node/support.ts'

const FEATURES = 12
const CLASSES = 3

/** Points around three centres, by class: each sample is its raw float32. */
export const pointsOf = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const draws = opDraws(1, 0, `point ${i}`, 0)
    const label = i % CLASSES
    const values = Float32Array.from({ length: FEATURES }, (__, j) => (j % CLASSES === label ? 1 : 0) + (draws.uniform() - 0.5) * 1.8)
    return { id: `p${String(i).padStart(5, '0')}`, bytes: new Uint8Array(values.buffer), label }
  })
export const putPoints = async (link: Transport, count = 300, name = 'points') => {
  await remote(link, dataset, name).put(pointsOf(count))
}

/** A small network with all that makes a training's bits depend on its past: statistics, masks. */
export const network = ({ width = 24 } = {}): Uint8Array => {
  const b = new GraphBuilder({ name: 'points' })
  const context = { b, seed: 3 }
  const x = b.input('x', 'float32', ['N', FEATURES])
  const hidden = dropout(context, b.op('Relu', [batchNorm(context, 'bn', linear(context, 'one', x, width))]), 0.2)
  b.output(linear(context, 'two', hidden, CLASSES), 'logits')
  return writeGraph({ graph: b.build() })
}

export const spec: TrainerSpec = {
  loss: { kind: 'cross-entropy' },
  optimizer: { kind: 'adam' },
  learningRate: 0.01,
  schedule: { kind: 'cosine', steps: 400, warmUp: 5 },
  clipNorm: 5,
  seed: 11,
}
export const plan = (more: Partial<FitPlan> = {}): FitPlan => ({
  dataset: 'points',
  pipeline: [{ op: 'tensor', dtype: 'float32', shape: [FEATURES] }],
  batchSize: 16,
  epochs: 4,
  seed: 5,
  ...more,
})
