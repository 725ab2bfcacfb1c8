// A model that counts: sample i is a one at place i, and the gradient of weight i is 1 / (size of the batch) wherever sample i
// is in it, and zero elsewhere. With a learning rate of 1 a weight tells how often, and in batches of what size, its sample
// was trained on, whatever anybody says of it.
import assert from 'node:assert/strict'
import { Tensor } from '../../../src/core/tensor.ts'
import { GraphBuilder } from '../../../src/graph/builder.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import type { ParallelPlan } from '../../../src/objects/parallel/plan.ts'
import type { TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { weightsIn } from './material.ts'

export const countingModel = (count: number): Uint8Array => {
  const b = new GraphBuilder({ name: 'counting' })
  const weight = b.initializer('w', new Tensor('float32', new Float32Array(count), [count, 1]))
  b.output(b.op('MatMul', [b.input('x', 'float32', ['N', count]), weight]), 'y')
  return writeGraph({ graph: b.build() })
}
/** So far below that no output ever gets there: the slope of the loss is 1. */
const TARGET = -1e6
export const countingSpec: TrainerSpec = { loss: { kind: 'mae' }, optimizer: { kind: 'sgd' }, learningRate: 1 }
export const countingSamples = (from: number, to: number, count: number) =>
  Array.from({ length: to - from }, (_, i) => {
    const values = new Float32Array(count)
    values[from + i] = 1
    return { id: `s${String(from + i).padStart(5, '0')}`, bytes: new Uint8Array(values.buffer), label: TARGET }
  })
export const countingPlan = (members: number, count: number, more: Partial<ParallelPlan> = {}): ParallelPlan => ({
  members: Array.from({ length: members }, (_, i) => ({ site: `n${i}`, dataset: 'counted' })),
  pipeline: [{ op: 'tensor', dtype: 'float32', shape: [count] }],
  batchSize: 3,
  epochs: 1,
  // A machine may be as slow as it likes.
  waitMs: 600_000,
  stepMs: 600_000,
  ...more,
})

/**
 * Checks that the model itself has counted each sample of these places once, and no other: that its weights are those of
 * whole batches, each sample in one.
 */
export const checkCounted = (file: Uint8Array, counted: (place: number) => boolean, steps: number, batchSize = 3): void => {
  const sizes = new Map<number, number>()
  for (const [place, value] of (weightsIn(file).get('w') ?? []).entries()) {
    if (!counted(place)) {
      assert.equal(value, 0, `sample ${place} has been counted`)
      continue
    }
    const size = Math.round(-1 / value)
    assert.ok(size >= 1 && size <= batchSize && Math.abs(-value - 1 / size) < 1e-6, `sample ${place} has moved its weight by ${value}: it was not counted once`) // prettier-ignore
    sizes.set(size, (sizes.get(size) ?? 0) + 1)
  }
  let batches = 0
  for (const [size, samples] of sizes) {
    assert.equal(samples % size, 0, `${samples} samples cannot be in batches of ${size}`)
    batches += samples / size
  }
  assert.equal(batches, steps)
}
