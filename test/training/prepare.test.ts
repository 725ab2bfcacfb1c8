import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { compile } from '../../src/training/compile.ts'
import { prepare, type TrainOptions } from '../../src/training/prepare.ts'
import { trainableOf } from '../../src/training/trainable.ts'
import { isInPlace } from '../../src/training/updates.ts'
import { smallModels } from './models.ts'

const floats = (...shape: readonly number[]) => new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape)

/** out = relu(x w0 + b0) w1 * scale, under names of one's own choice. */
const layers = ({ input = 'x', weight = 'w0', output = 'out' } = {}) => {
  const b = new GraphBuilder()
  const x = b.input(input, 'float32', ['N', 2])
  const h = b.op('Relu', [b.op('Gemm', [x, b.initializer(weight, floats(2, 3)), b.initializer('b0', floats(3))])])
  const y = b.op('MatMul', [h, b.op('Transpose', [b.initializer('w1', floats(4, 3))], { perm: [1, 0] })])
  b.output(b.op('Mul', [y, b.initializer('scale', floats())]), output)
  b.initializer('table', new Tensor('int64', new BigInt64Array(2), [2]))
  return b.build()
}
const refused = (act: () => unknown, ...words: readonly string[]) =>
  assert.throws(
    act,
    (error: unknown) => isActiveStorageError(error, 'invalid-argument') && words.every((word) => error.message.includes(word)),
  )

test('by itself what layers learn is trained, also through a Transpose, and a scale of one element as well', () => {
  assert.deepEqual(trainableOf(layers()), ['w0', 'b0', 'w1', 'scale'])
})

test('by itself all of the models of the examples is trained, but for running statistics', () => {
  for (const { name, graph } of smallModels) {
    const weights = [...graph.initializers].filter(([key, { dtype, shape }]) => dtype === 'float32' && shape.length > 0 && !key.includes('running')) // prettier-ignore
    assert.deepEqual(
      trainableOf(graph),
      weights.map(([key]) => key),
      name,
    )
  }
})

test('patterns choose, and each has to name something that can be trained', () => {
  assert.deepEqual(trainableOf(layers(), ['w*']), ['w0', 'w1'])
  assert.deepEqual(trainableOf(layers(), ['scale', 'b0']), ['b0', 'scale'])
  assert.deepEqual(trainableOf(layers(), ['*0']), ['w0', 'b0'])
  refused(() => trainableOf(layers(), ['w*', 'head.*']), '"head.*"', 'w0, b0, w1')
  refused(() => trainableOf(layers(), ['w.']), '"w."')
  refused(() => trainableOf(layers(), ['table']), '"table" is int64')
  refused(() => trainableOf(layers(), []), 'empty')
  assert.deepEqual(trainableOf(layers(), ['!w*']), ['b0', 'scale'])
  assert.deepEqual(trainableOf(layers(), ['w*', '!w0', '+scale']), ['w1', 'scale'])
  refused(() => trainableOf(layers(), ['!nothing']), '"nothing"', 'leaves out nothing')
  refused(() => trainableOf(layers(), ['!*']), 'no float32 weights to train')
})

test('names that meet those of a target, or of what training adds, are refused before anything runs', () => {
  const prepared = (names: Parameters<typeof layers>[0], loss: TrainOptions['loss'] = { kind: 'mse' }) =>
    prepare(layers(names), { loss, optimizer: { kind: 'sgd', momentum: 0.9 } })
  prepared({})
  refused(() => prepared({ input: 'labels' }), '"labels"', 'another name')
  refused(() => prepared({ output: 'labels' }), '"labels"', 'another name')
  refused(() => prepared({}, { kind: 'mse', target: 'b0' }), '"b0"')
  refused(() => prepared({ output: 'training/loss' }), '"training/loss"', 'rename')
  refused(() => prepared({ input: 'training/learningRate' }), '"training/learningRate"', 'rename')
  refused(() => prepared({ input: 'gradient/w1' }), '"gradient/w1"')
  refused(() => prepared({ output: 'next/w1' }), '"next/w1"')
  refused(() => prepared({ input: 'optimizer/momentum/w1' }), '"optimizer/momentum/w1"')
  refused(() => prepared({}, { kind: 'mse', target: 'training/scale' }), '"training/scale"')
  // Names that only look alike are no trouble.
  for (const variant of ['gradients', 'sums', 'norm', 'apply', 'evaluate', 'predict'] as const)
    compile(prepared({ input: 'learningRate', weight: 'gradient/w0', output: 'loss' }), variant, { N: 2 })
})

test('clipNorm has to be above 0', () => {
  for (const clipNorm of [0, -1, Number.NaN])
    refused(() => prepare(layers(), { loss: { kind: 'mse' }, optimizer: { kind: 'sgd' }, clipNorm }), 'clipNorm')
})

test('all updates can be written in place, and a graph that reads a tensor behind its update cannot', () => {
  for (const kind of ['sgd', 'adam', 'adamw', 'rmsprop'] as const)
    for (const { graph, loss } of smallModels) {
      const momentum = kind === 'sgd' || kind === 'rmsprop' ? { momentum: 0.9 } : {}
      const { state } = compile(prepare(graph, { loss, optimizer: { kind, weightDecay: 0.1, ...momentum }, clipNorm: 1 }), 'apply', {})
      for (const [name, { inPlace }] of state) assert.equal(inPlace, true, `${kind} ${name}`)
    }
  const b = new GraphBuilder()
  const [p, g] = [b.input('p', 'float32', [2]), b.input('g', 'float32', [2])]
  b.output(b.op('Sub', [p, g], {}, { outputs: ['next'] }))
  assert.equal(isInPlace(b.build(), 'p', 'next'), true)
  b.output(b.op('Mul', [p, p], {}, { outputs: ['other'] }))
  assert.equal(isInPlace(b.build(), 'p', 'next'), false)
  const c = new GraphBuilder()
  const q = c.input('p', 'float32', [2, 2])
  c.output(c.op('MatMul', [q, q], {}, { outputs: ['next'] }))
  assert.equal(isInPlace(c.build(), 'p', 'next'), false)
})
