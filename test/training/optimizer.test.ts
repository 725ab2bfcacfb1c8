import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import { isActiveStorageError } from '../../src/core/errors.ts'
import type { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { checkOptimizer, type Optimizer, scalarsOf } from '../../src/training/optimizer.ts'
import { prepare, type TrainOptions } from '../../src/training/prepare.ts'
import { Runner } from '../../src/training/runner.ts'
import { apart, floats, golden } from './golden/golden.ts'

const { rate, w, b: bias, x, y } = golden.problem

const linear = () => {
  const b = new GraphBuilder()
  const given = b.input('x', 'float32', ['N', 3])
  b.output(b.op('Gemm', [given, b.initializer('w', floats(w)), b.initializer('b', floats(bias))], { transB: 1 }), 'out')
  return b.build()
}
/** Rows of one step's batch. */
const rows = (tensor: Tensor<'float32'>, step: number) => {
  const [, count = 0, width = 0] = tensor.shape
  return floats({ shape: [count, width], data: [...tensor.data.subarray(step * count * width, (step + 1) * count * width)] })
}
const batch = (step: number) => ({ x: rows(floats(x), step), labels: rows(floats(y), step) })

for (const { name, optimizer, clipNorm, groups, losses, norms, w: rightW, b: rightB } of golden.optimizers)
  for (const way of ['step', 'gather and apply'] as const)
    test(`${name}, by ${way}: five steps end where PyTorch's end`, async () => {
      const options: TrainOptions = { loss: { kind: 'mse' }, optimizer, ...(clipNorm && { clipNorm }), ...(groups && { groups }) }
      const runner = new Runner(ort, prepare(linear(), options))
      for (const [i, loss] of losses.entries()) {
        const scalars = scalarsOf(optimizer, i + 1, rate)
        const told = way === 'step' ? await runner.step(batch(i), scalars, i + 1) : await runner.gather(batch(i), 1, i + 1)
        const { norm } = way === 'step' ? told : await runner.apply(scalars)
        assert.ok(apart([told.loss], [loss]) < 1e-5, `step ${i}: ${told.loss} is not ${loss}`)
        if (norms !== undefined) assert.ok(apart([norm ?? 0], [norms[i] ?? 0]) < 1e-5, `step ${i}: a norm of ${norm} is not ${norms[i]}`)
      }
      assert.ok(apart(runner.state().get('w')?.data ?? [], rightW.data) < 1e-5)
      assert.ok(apart(runner.state().get('b')?.data ?? [], rightB.data) < 1e-5)
      await runner.close()
    })

test('what a group names first counts, and a group that names nothing is refused', () => {
  const prepared = (groups: TrainOptions['groups']) =>
    prepare(linear(), { loss: { kind: 'mse' }, optimizer: { kind: 'sgd' }, groups: groups ?? [] })
  const refused = (groups: TrainOptions['groups'], word: string) =>
    assert.throws(() => prepared(groups), (error: unknown) => isActiveStorageError(error, 'invalid-argument') && error.message.includes(word)) // prettier-ignore
  prepared([{ match: ['*'] }])
  refused([{ match: ['v*'] }], 'v*')
  refused([{ match: ['w'], rate: Number.NaN }], 'rate')
  refused([{ match: ['w'], weightDecay: -1 }], 'weightDecay')
})

test('settings out of bounds are refused', () => {
  const refused = (optimizer: Optimizer, word: string) =>
    assert.throws(() => checkOptimizer(optimizer), (error: unknown) => isActiveStorageError(error, 'invalid-argument') && error.message.includes(word)) // prettier-ignore
  refused({ kind: 'sgd', momentum: 1 }, 'momentum')
  refused({ kind: 'sgd', nesterov: true }, 'nesterov')
  refused({ kind: 'sgd', weightDecay: -0.1 }, 'weightDecay')
  refused({ kind: 'adam', betas: [0.9, 1] }, 'beta')
  refused({ kind: 'adam', betas: [0.9] as unknown as [number, number] }, 'betas')
  refused({ kind: 'adamw', epsilon: Number.NaN }, 'epsilon')
  refused({ kind: 'rmsprop', alpha: 2 }, 'alpha')
})
