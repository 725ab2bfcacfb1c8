import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { compile } from '../../src/training/compile.ts'
import type { Loss } from '../../src/training/loss.ts'
import { gradientOf, LOSS } from '../../src/training/names.ts'
import { prepare } from '../../src/training/prepare.ts'
import { Runner } from '../../src/training/runner.ts'
import { apart, floats, golden, wholes } from './golden/golden.ts'
import { interpret } from './reference/interpret.ts'
import { fromTensor } from './reference/nd.ts'

/** A model whose output is its weight: the gradient by it is that by the output. */
const bare = (weight: Tensor) => {
  const b = new GraphBuilder()
  b.output(b.op('Add', [b.initializer('w', weight), b.input('x', 'float32', weight.shape)]), 'out')
  return b.build()
}
const zeros = (shape: readonly number[]) => new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)

for (const { name, options, logits, target, loss, gradient } of golden.losses) {
  const weight = floats(logits)
  const prepared = prepare(bare(weight), { loss: options, optimizer: { kind: 'sgd' } })
  const labels = options.kind === 'cross-entropy' ? wholes(target) : floats(target)

  test(`${name}: the formula is PyTorch's, and so is its gradient, in float64`, () => {
    const { graph } = compile(prepared, 'gradients', {})
    const feeds = { w: weight, x: zeros(weight.shape), labels }
    const found = interpret(graph, new Map(Object.entries(feeds).map(([key, tensor]) => [key, fromTensor(tensor)])))
    assert.ok(apart(found.get(LOSS)?.data ?? [], [loss]) < 1e-7)
    assert.ok(apart(found.get(gradientOf('w'))?.data ?? [], gradient.data) < 1e-7)
  })

  test(`${name}: onnxruntime gives both within float32`, async () => {
    const runner = new Runner(ort, prepared)
    const told = await runner.gather({ x: zeros(weight.shape), labels }, 1, 1)
    assert.ok(apart([told.loss], [loss]) < 2e-6, `${told.loss} is not ${loss}`)
    assert.ok(apart(runner.gathered().get('w') ?? [], gradient.data) < 4e-6)
    await runner.close()
  })
}

test('elements that are right are counted among those that count', async () => {
  const logits = new Tensor('float32', new Float32Array([3, 1, 1, 3, 3, 1, 3, 1]), [4, 2])
  const labels = new Tensor('int64', new BigInt64Array([0n, 1n, 1n, -100n]), [4])
  const runner = new Runner(ort, prepare(bare(logits), { loss: { kind: 'cross-entropy' }, optimizer: { kind: 'sgd' } }))
  const { correct, counted } = await runner.evaluate({ x: zeros([4, 2]), labels })
  assert.deepEqual([correct, counted], [2, 3])
  await runner.close()
})

test('several losses add up by their weights, and may share a target', async () => {
  const weight = new Tensor('float32', new Float32Array([1, 2, 4]), [3])
  const labels = new Tensor('float32', new Float32Array([0, 0, 0]), [3])
  const loss: readonly Loss[] = [{ kind: 'mse', weight: 0.5 }, { kind: 'mae', weight: 3 }, { kind: 'mae', target: 'other' }] // prettier-ignore
  const runner = new Runner(ort, prepare(bare(weight), { loss, optimizer: { kind: 'sgd' } }))
  const other = new Tensor('float32', new Float32Array([1, 2, 1]), [3])
  const told = await runner.gather({ x: zeros([3]), labels, other }, 1, 1)
  assert.ok(Math.abs(told.loss - (0.5 * 7 + 3 * (7 / 3) + 1)) < 1e-6)
  assert.ok(apart(runner.gathered().get('w') ?? [], [1 / 3 + 1, 2 / 3 + 1, 4 / 3 + 1 + 1 / 3]) < 1e-6)
  await runner.close()
})

test('settings out of bounds are refused before anything is computed', () => {
  const refused = (loss: Loss | readonly Loss[], word: string, weight: Tensor = zeros([2, 3])) =>
    assert.throws(
      () => compile(prepare(bare(weight), { loss, optimizer: { kind: 'sgd' } }), 'gradients', {}),
      (error: unknown) => isActiveStorageError(error, 'invalid-argument') && error.message.includes(word),
    )
  refused({ kind: 'cross-entropy', labelSmoothing: 1.5 }, 'labelSmoothing')
  refused({ kind: 'cross-entropy', classWeights: [1, 2] }, '2 weights for 3 classes')
  refused({ kind: 'cross-entropy', classWeights: [1, 2, -1] }, 'weight of a class')
  refused({ kind: 'cross-entropy', ignore: 0.5 }, 'ignore')
  refused({ kind: 'cross-entropy' }, 'logits', zeros([3]))
  refused({ kind: 'binary-cross-entropy', positiveWeight: Number.NaN }, 'positiveWeight')
  refused({ kind: 'huber', delta: 0 }, 'delta')
  refused({ kind: 'mse', weight: Infinity }, 'weight of a loss')
  refused({ kind: 'mse', output: 'none' }, '"none"')
  refused([], 'no loss')
  refused([{ kind: 'cross-entropy' }, { kind: 'mse' }], 'a target of its own')
  refused([{ kind: 'cross-entropy' }, { kind: 'cross-entropy', ignore: 2 }], 'a target of its own')
})
