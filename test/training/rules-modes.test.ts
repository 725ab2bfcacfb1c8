import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder, type Value } from '../../src/graph/builder.ts'
import { fillMask, maskOf, trainingMode } from '../../src/training/modes.ts'
import { float32 } from './gradcheck/case.ts'
import { runInOrt } from './gradcheck/ort.ts'

const SIDES = [4, 2, 3]
const elements = Array.from({ length: 24 }, (_, i) => Math.sin(3 * i) + (i % 2))

const normalized = (sides: readonly number[] = SIDES) => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', sides)
  const vector = (name: string, ...values: readonly number[]): Value => b.initializer(name, float32(values, [values.length]))
  const inputs = [x, vector('scale', 1, 2), vector('bias', 0, 1), vector('mean', 0.5, -0.5), vector('variance', 2, 3)]
  b.output(b.op('BatchNormalization', inputs, { momentum: 0.8 }, { name: 'bn', outputs: ['y'] }))
  return b.build()
}

test("running statistics move to those of the batch, the variance by PyTorch's factor", async () => {
  const { graph, statistics } = trainingMode(normalized())
  assert.deepEqual([...statistics.keys()], ['mean', 'variance'])
  const [results] = await runInOrt(graph, new Map([['x', float32(elements, SIDES)]]), [1])
  for (const channel of [0, 1]) {
    const own = elements.filter((_, i) => Math.floor(i / 3) % 2 === channel)
    const mean = own.reduce((sum, value) => sum + value, 0) / 12
    const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 11
    const after = (name: string): number => Number(results?.get(statistics.get(name) ?? '')?.data[channel])
    assert.ok(Math.abs(after('mean') - (0.8 * [0.5, -0.5][channel]! + 0.2 * mean)) < 1e-6)
    assert.ok(Math.abs(after('variance') - (0.8 * [2, 3][channel]! + 0.2 * variance)) < 1e-6)
    // The batch itself is normalized by the variance of its 12 elements.
    const first = (own[0]! - mean) / Math.sqrt((variance * 11) / 12 + 1e-5)
    assert.ok(Math.abs(Number(results?.get('y')?.data[channel * 3]) - (first * (channel + 1) + channel)) < 1e-5)
  }
})

test('a frozen BatchNormalization stays as it is', () => {
  const { graph, statistics } = trainingMode(normalized(), { trains: ({ name }) => name !== 'bn' })
  assert.equal(statistics.size, 0)
  assert.deepEqual(graph.nodes, normalized().nodes)
})

test('a batch of one element a channel has no variance, and is refused by name', () => {
  assert.throws(() => trainingMode(normalized([1, 2, 1])), (error) => isActiveStorageError(error, 'invalid-argument') && error.message.includes('bn')) // prettier-ignore
})

const dropping = (ratio?: number) => {
  const b = new GraphBuilder()
  const inputs = [b.input('x', 'float32', [40, 50]), ratio === undefined ? undefined : b.scalar(ratio)]
  b.output(b.op('Dropout', inputs, {}, { name: 'drop', outputs: ['y'] }))
  return b.build()
}

test('a Dropout becomes a product with a mask that seed and step decide', async () => {
  const { graph, masks } = trainingMode(dropping(0.25))
  const [mask] = masks
  assert.ok(mask !== undefined && masks.length === 1)
  const first = maskOf(mask, 7, 3)
  assert.deepEqual(new Set<unknown>(first.data), new Set([0, Math.fround(1 / 0.75)]))
  const kept = Array.from(first.data, Number).filter((value) => value > 0).length / 2000
  assert.ok(Math.abs(kept - 0.75) < 0.05, `${kept} are kept`)
  assert.deepEqual(maskOf(mask, 7, 3).data, first.data)
  assert.notDeepEqual(maskOf(mask, 7, 4).data, first.data)
  assert.notDeepEqual(maskOf(mask, 8, 3).data, first.data)
  const again = new Float32Array(2000)
  fillMask(again, mask, 7, 3)
  assert.deepEqual(again, first.data)
  const x = new Tensor('float32', new Float32Array(2000).fill(3), [40, 50])
  const [results] = await runInOrt(graph, new Map([['x', x], [mask.input, first]]), [1]) // prettier-ignore
  assert.deepEqual(results?.get('y')?.data, again.map((value) => value * 3)) // prettier-ignore
})

test('a Dropout of nothing, or one that is frozen, takes no mask', () => {
  assert.equal(trainingMode(dropping(0)).masks.length, 0)
  assert.equal(trainingMode(dropping(), { trains: () => false }).masks.length, 0)
  assert.equal(trainingMode(dropping()).masks[0]?.ratio, 0.5)
})
