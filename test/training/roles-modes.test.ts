import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { scalarsOf } from '../../src/training/optimizer.ts'
import { prepare } from '../../src/training/prepare.ts'
import { Runner } from '../../src/training/runner.ts'

const floats = (shape: readonly number[], ...data: readonly number[]) => new Tensor('float32', new Float32Array(data), shape)
const optimizer = { kind: 'sgd' } as const
const options = { loss: { kind: 'mse', target: 'labels' }, optimizer } as const

/** y = norm(x) w, by a BatchNormalization whose scale and shift are no parameters. `merged`: its variance is its scale as well. */
const plain = ({ merged = false, front = false } = {}) => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 2])
  const scale = merged ? b.initializer('variance', floats([2], 1, 1)) : b.constant(floats([2], 1, 1))
  const variance = merged ? scale : b.initializer('variance', floats([2], 1, 1))
  const first = front ? b.op('MatMul', [x, b.initializer('front.weight', floats([2, 2], 1, 0.5, 0.25, 1))]) : x
  const inputs = [first, scale, b.constant(floats([2], 0, 0)), b.initializer('mean', floats([2], 0, 0)), variance]
  const normal = b.op('BatchNormalization', inputs, { epsilon: 1e-5, momentum: 0.9 })
  b.output(b.op('MatMul', [normal, b.initializer('head.weight', floats([2, 1], 1, 2))]), 'y')
  return b.build()
}
const batch = { x: floats([4, 2], 1, 2, 3, 5, 5, 1, 7, 0), labels: floats([4, 1], 0, 0, 0, 0) }
const stepped = async (graph: ReturnType<typeof plain>, more: { readonly trainable?: readonly string[] } = {}) => {
  const runner = new Runner(ort, prepare(graph, { ...options, ...more }), {})
  const { loss } = await runner.step(batch, scalarsOf(optimizer, 1, 0), 1)
  const state = new Map([...runner.state()].map(([name, { data }]) => [name, [...data]]))
  await runner.close()
  return { loss, state }
}
const near = (got: readonly number[] | undefined, want: readonly number[]) =>
  assert.ok(
    want.every((each, i) => Math.abs((got?.[i] ?? Number.NaN) - each) < 1e-4),
    `${got?.join(' ')} where ${want.join(' ')} is right`,
  )

test('a BatchNormalization without parameters normalizes by the batch, and its statistics move', async () => {
  const { loss, state } = await stepped(plain())
  // Columns have means 4 and 2, and variances of a sample 20/3 and 14/3.
  near(state.get('mean'), [0.4, 0.2])
  near(state.get('variance'), [0.9 + 2 / 3, 0.9 + 14 / 30])
  const [first, second] = [[-3, -1, 1, 3].map((each) => each / Math.sqrt(5)), [0, 3, -1, -2].map((each) => each / Math.sqrt(3.5))]
  near([loss], [first.reduce((sum, each, i) => sum + (each + 2 * (second[i] ?? 0)) ** 2, 0) / 4])
})

test('behind a frozen part it runs as in inference', async () => {
  assert.equal((await stepped(plain({ front: true }), { trainable: ['head.weight'] })).state.has('mean'), false)
  assert.equal((await stepped(plain({ front: true }), { trainable: ['*.weight'] })).state.has('mean'), true)
  assert.equal((await stepped(plain(), { trainable: ['head.weight'] })).state.has('mean'), true)
})

test('its variance must be no scale as well', () => {
  assert.throws(
    () => prepare(plain({ merged: true }), options),
    (error) => isActiveStorageError(error, 'unsupported') && /"variance" is no tensor of its own/.test(error.message),
  )
})

test('a checkpoint without its statistics is still taken', async () => {
  const runner = new Runner(ort, prepare(plain(), options), {})
  runner.restore(new Map([['head.weight', floats([2, 1], 3, 4)]]))
  assert.deepEqual([...(runner.state().get('mean')?.data ?? [])], [0, 0])
  assert.throws(() => runner.restore(new Map()), /no "head\.weight"/)
  await runner.close()
})

test("a Dropout of the model's input drops; one behind a frozen part does not", async () => {
  const dropping = (front: boolean) => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['N', 2])
    const first = front ? b.op('MatMul', [x, b.initializer('front.weight', floats([2, 2], 1, 0, 0, 1))]) : x
    const dropped = b.op('Dropout', [first, b.constant(floats([], 0.99))])
    b.output(b.op('MatMul', [dropped, b.initializer('head.weight', floats([2, 1], 1, 1))]), 'y')
    return b.build()
  }
  const whole = (3 ** 2 + 8 ** 2 + 6 ** 2 + 7 ** 2) / 4
  assert.notEqual((await stepped(dropping(false))).loss, whole)
  assert.equal((await stepped(dropping(true), { trainable: ['head.weight'] })).loss, whole)
})
