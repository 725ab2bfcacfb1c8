import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { linear } from '../../src/graph/layers.ts'
import type { Feeds } from '../../src/training/feeds.ts'
import { scalarsOf } from '../../src/training/optimizer.ts'
import { prepare, type TrainOptions } from '../../src/training/prepare.ts'
import { Runner } from '../../src/training/runner.ts'
import { sharesOf, weightsOf } from '../../src/training/shares.ts'
import { apart } from './golden/golden.ts'
import { rowsOf } from './models.ts'

const ROWS = 12
const wave = (phase: number, ...shape: readonly number[]) =>
  new Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.3 * i + phase)),
    shape,
  )
const labels = new Tensor('int64', BigInt64Array.from([0, 1, 2, -7, -7, 0, 2, 2, 1, -7, 1, 0], BigInt), [ROWS])
const feeds: Feeds = { x: wave(0, ROWS, 5), labels, heights: wave(2, ROWS, 2) }

const optimizer = { kind: 'sgd', momentum: 0.9 } as const
const losses = [
  { kind: 'cross-entropy', output: 'logits', classWeights: [1, 5, 0.5], ignore: -7 },
  { kind: 'huber', output: 'height', target: 'heights', weight: 0.3 },
] as const satisfies TrainOptions['loss']

const runner = () => {
  const b = new GraphBuilder({ name: 'two' })
  const context = { b, seed: 3 }
  const hidden = b.op('Tanh', [linear(context, 'one', b.input('x', 'float32', ['N', 5]), 8)])
  b.output(linear(context, 'class', hidden, 3), 'logits')
  b.output(linear(context, 'tall', hidden, 2), 'height')
  return new Runner(ort, prepare(b.build(), { loss: losses, optimizer, clipNorm: 0.5 }), { threads: 1, seed: 5 })
}

test('a batch weighs what its losses divide by', () => {
  const four = { labels: new Tensor('int64', BigInt64Array.from([0n, 1n, 2n, -100n]), [4]), y: wave(0, 4) }
  assert.deepEqual(weightsOf([{ kind: 'cross-entropy' }, { kind: 'mse', target: 'y' }], four), [3, 4])
  assert.deepEqual(weightsOf([{ kind: 'cross-entropy', classWeights: [1, 0.5, 4] }], four), [5.5])
  assert.deepEqual(weightsOf([{ kind: 'cross-entropy', classWeights: [1, 0.5, 4], ignore: 0 }], four), [4.5])
  assert.throws(() => weightsOf([{ kind: 'mse', target: 'z' }], four), /tensor-mismatch.*"z"/)
})

test('each loss counts a batch by what it counts there: several losses, weights of classes, and what is ignored', async () => {
  const [whole, parts] = [runner(), runner()]
  const batches = [rowsOf(feeds, 0, 3), rowsOf(feeds, 3, 8), rowsOf(feeds, 8, ROWS)]
  const shares = sharesOf(losses, batches)
  // Weights 1, 5, 0.5; 1, 0.5, 0.5; 5, 5, 1. Heights: 3, 5 and 4 rows.
  assert.deepEqual(shares.map(([first]) => first), [6.5 / 19.5, 2 / 19.5, 11 / 19.5]) // prettier-ignore
  assert.deepEqual(shares.map(([, second]) => second), [3 / 12, 5 / 12, 4 / 12]) // prettier-ignore
  for (let step = 1; step <= 3; step++) {
    const told = await whole.step(feeds, scalarsOf(optimizer, step, 0.1), step)
    let loss = 0
    for (const [i, batch] of batches.entries()) loss += (await parts.gather(batch, shares[i] ?? [], step)).part ?? Number.NaN
    await parts.apply(scalarsOf(optimizer, step, 0.1))
    assert.ok(apart([loss], [told.loss]) < 1e-6, `${loss} for ${told.loss}`)
  }
  for (const [name, { data }] of whole.state()) assert.ok(apart(parts.state().get(name)?.data ?? [], data) < 1e-5, name)
  await Promise.all([whole.close(), parts.close()])
})
