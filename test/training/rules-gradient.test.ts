import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { gradientGraph } from '../../src/training/gradient.ts'
import { float32, int64 } from './gradcheck/case.ts'
import { interpret } from './reference/interpret.ts'
import { fromTensor } from './reference/nd.ts'

const says =
  (code: 'unsupported' | 'invalid-argument', ...words: readonly string[]) =>
  (error: unknown) =>
    isActiveStorageError(error, code) && words.every((word) => error.message.includes(word))

/** y = sum(x * w * w), with an operator before it that has no gradient. */
const partlyFrozen = () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', [2])
  const w = b.initializer('w', float32([3, 5], [2]))
  const odd = b.op('Mod', [x, b.scalar(2)], { fmod: 1 }, { name: 'odd', outputs: ['odd.out'] })
  b.output(b.op('ReduceSum', [b.op('Mul', [odd, b.op('Mul', [w, w])])], { keepdims: 0 }, { outputs: ['loss'] }))
  return b
}

test('only what lies between the tensors and the loss needs rules, and uses of one tensor add up', () => {
  const b = partlyFrozen()
  const gradients = gradientGraph(b, { loss: 'loss', of: ['w', 'odd.out'] })
  const results = interpret(b.build(), new Map([['x', fromTensor(float32([1, -1], [2]))]]))
  assert.deepEqual([...(results.get(gradients.get('w')?.name ?? '')?.data ?? [])], [6, -10])
  assert.deepEqual([...(results.get(gradients.get('odd.out')?.name ?? '')?.data ?? [])], [9, 25])
})

test('an operator without a rule on the way is named, with what can be done', () => {
  assert.throws(() => gradientGraph(partlyFrozen(), { loss: 'loss', of: ['x'] }), says('unsupported', 'node odd (Mod)', 'freeze'))
})

test('a tensor that the loss does not depend on has a gradient of zeros; a loss that depends on none is refused', () => {
  const b = partlyFrozen()
  b.initializer('idle', float32([1, 2, 3], [3]))
  const gradients = gradientGraph(b, { loss: 'loss', of: ['w', 'idle'] })
  const results = interpret(b.build(), new Map([['x', fromTensor(float32([1, 1], [2]))]]))
  assert.deepEqual([...(results.get(gradients.get('idle')?.name ?? '')?.data ?? [])], [0, 0, 0])
  assert.throws(() => gradientGraph(b, { loss: 'loss', of: ['idle'] }), says('invalid-argument', '"loss"', '"idle"'))
})

test('a loss of several elements, whole numbers and open dimensions are refused by name', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['batch', 2])
  b.initializer('n', int64([1]))
  b.op('Relu', [x], {}, { outputs: ['y'] })
  b.op('ReduceSum', [b.value('y')], { keepdims: 0 }, { outputs: ['loss'] })
  assert.throws(() => gradientGraph(b, { loss: 'y', of: ['x'] }), says('invalid-argument', 'bind'))
  assert.throws(() => gradientGraph(b, { loss: 'loss', of: ['n'] }), says('invalid-argument', '"n"', 'int64'))
  assert.throws(() => gradientGraph(b, { loss: 'loss', of: ['x'] }), says('invalid-argument', 'batch', 'bind'))
  const two = new GraphBuilder()
  two.op('Relu', [two.input('x', 'float32', [2])], {}, { outputs: ['y'] })
  assert.throws(() => gradientGraph(two, { loss: 'y', of: ['x'] }), says('invalid-argument', '"y"', 'one float'))
})

test('through comparisons, arg-maxima and casts to whole numbers no gradient flows', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', [2])
  const steps = b.op('Cast', [b.op('Cast', [x], { to: 7 })], { to: 1 })
  const sign = b.op('Add', [b.op('Sign', [x]), steps])
  b.op('ReduceSum', [b.op('Add', [b.op('Mul', [x, x]), sign])], { keepdims: 0 }, { outputs: ['loss'] })
  const gradients = gradientGraph(b, { loss: 'loss', of: ['x'] })
  const results = interpret(b.build(), new Map([['x', fromTensor(float32([1.5, -2], [2]))]]))
  assert.deepEqual([...(results.get(gradients.get('x')?.name ?? '')?.data ?? [])], [3, -4])
})

test('places that a graph computes while it runs are refused where a gradient would need them', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', [4])
  const starts = b.input('starts', 'int64', [1])
  const y = b.op('Slice', [x, starts, b.ints(4), b.ints(0)], {}, { name: 'cut' })
  b.op('ReduceSum', [y], { keepdims: 0 }, { outputs: ['loss'] })
  assert.throws(() => gradientGraph(b, { loss: 'loss', of: ['x'] }), (error) => isActiveStorageError(error) && error.message.includes('cut')) // prettier-ignore
})
