import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '../../src/core/tensor.ts'
import type { Plain } from '../../src/graph/attributes.ts'
import { GraphBuilder, type Value } from '../../src/graph/builder.ts'
import { type Flow, followSamples, isLost } from '../../src/graph/samples.ts'
import { typesOf } from '../../src/graph/types.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { ints } from './one-operator.ts'
import { bitsOf, runModel } from './run.ts'

const SAMPLES = 5
const numbers = (shape: readonly number[], seed: number) => {
  const size = shape.reduce((total, side) => total * side, 1)
  return new Tensor('float32', Float32Array.from({ length: size }, (_, i) => Math.sin(seed + 3 * i)), shape) // prettier-ignore
}
type Made = (b: GraphBuilder, x: Value) => Value
const op =
  (name: string, others: readonly Tensor[] = [], attributes: Readonly<Record<string, Plain>> = {}, outputs = 1): Made =>
  (b, x) =>
    b.ops(name, [x, ...others.map((other) => b.constant(other))], attributes, { outputs })[0]!
const chain =
  (...all: readonly Made[]): Made =>
  (b, x) =>
    all.reduce((value, one) => one(b, value), x)
const lstm = (x: Value, b: GraphBuilder) => {
  const [channels = 0] = x.shape.slice(2)
  const weights = [numbers([1, 8, Number(channels)], 1), numbers([1, 8, 2], 2)].map((tensor) => b.constant(tensor))
  return b.ops('LSTM', [x, ...weights], { hidden_size: 2 }, { outputs: 1 })[0]!
}

const ones = new Tensor('float32', new Float32Array([1, 1, 1]), [3])
/** What each gives for x [5, 3, 4, 4] or another shape, with samples on axis 0 unless it is said. */
const kinds: Readonly<
  Record<
    string,
    { readonly of: Made; readonly flow: Flow | 'mixed' | 'unknown'; readonly shape?: readonly number[]; readonly axis?: number }
  >
> = {
  relu: { of: op('Relu'), flow: 0 },
  'add of a channel': { of: op('Add', [numbers([3, 1, 1], 1)]), flow: 0 },
  'softmax over channels': { of: op('Softmax', [], { axis: 1 }), flow: 0 },
  'softmax over samples': { of: op('Softmax', [], { axis: 0 }), flow: 'mixed' },
  transpose: { of: op('Transpose', [], { perm: [1, 2, 0, 3] }), flow: 2 },
  'mean over pixels': { of: op('ReduceMean', [ints(2, 3)], { keepdims: 0 }), flow: 0 },
  'mean over samples': { of: op('ReduceMean', [ints(0)]), flow: 'mixed' },
  'sum of all': { of: op('ReduceSum', [], { keepdims: 0 }), flow: 'mixed' },
  'sum over channels, samples on the last axis': { of: op('ReduceSum', [ints(0)], { keepdims: 0 }), flow: 0, shape: [3, SAMPLES], axis: 1 },
  'argmax over channels': { of: op('ArgMax', [], { axis: 1, keepdims: 0 }), flow: 0 },
  'argmax over samples': { of: op('ArgMax', [], { axis: 0 }), flow: 'mixed' },
  flatten: { of: op('Flatten'), flow: 0 },
  'samples and channels in one side': { of: op('Reshape', [ints(-1, 16)]), flow: 0 },
  'samples and channels in one side and apart again': {
    of: chain(op('Reshape', [ints(-1, 16)]), op('Reshape', [ints(SAMPLES, -1)])),
    flow: 0,
  },
  'all samples in one row': { of: op('Reshape', [ints(1, -1)]), flow: 1 },
  'channels and samples in one side': {
    of: chain(op('Transpose', [], { perm: [1, 0, 2, 3] }), op('Reshape', [ints(-1, 16)])),
    flow: 'unknown',
  },
  'channels and samples in one side, through a product, and apart': {
    of: chain(
      op('Transpose', [], { perm: [1, 0, 2, 3] }),
      op('Reshape', [ints(-1, 16)]),
      op('MatMul', [numbers([16, 2], 3)]),
      op('Reshape', [ints(3, SAMPLES, 2)]),
    ),
    flow: 1,
  },
  unsqueeze: { of: op('Unsqueeze', [ints(0)]), flow: 1 },
  convolution: { of: op('Conv', [numbers([2, 3, 3, 3], 1)], { pads: [1, 1, 1, 1] }), flow: 0 },
  'convolution whose channels are samples': {
    of: op('Conv', [numbers([2, SAMPLES, 1, 1], 1)]),
    flow: 'mixed',
    shape: [3, SAMPLES, 4, 4],
    axis: 1,
  },
  'mean of a picture': { of: op('GlobalAveragePool'), flow: 0 },
  'batch normalization': { of: op('BatchNormalization', [ones, ones, ones, ones]), flow: 0 },
  'batch normalization in training': { of: op('BatchNormalization', [ones, ones, ones, ones], { training_mode: 1 }, 3), flow: 'mixed' },
  'instance normalization': { of: op('InstanceNormalization', [ones, ones]), flow: 0 },
  'layer normalization': { of: op('LayerNormalization', [numbers([4], 1)], { axis: -1 }), flow: 0 },
  'layer normalization over all': { of: op('LayerNormalization', [numbers([SAMPLES, 3, 4, 4], 1)], { axis: 0 }), flow: 'mixed' },
  'product with weights': { of: op('MatMul', [numbers([4, 2], 1)]), flow: 0 },
  'product with a vector': { of: op('MatMul', [numbers([3], 1)]), flow: 0, shape: [SAMPLES, 3] },
  'product over samples': { of: (b, x) => b.op('MatMul', [b.constant(numbers([2, SAMPLES], 1)), x]), flow: 'mixed', shape: [SAMPLES, 3] },
  'product of samples with samples': {
    of: (b, x) => b.op('MatMul', [x, b.op('Transpose', [x], { perm: [1, 0] })]),
    flow: 'unknown',
    shape: [SAMPLES, 3],
  },
  'product of a sample with itself': {
    of: (b, x) => b.op('MatMul', [x, b.op('Transpose', [x], { perm: [0, 2, 1] })]),
    flow: 0,
    shape: [SAMPLES, 3, 4],
  },
  gemm: { of: op('Gemm', [numbers([2, 3], 1), numbers([2], 2)], { transB: 1 }), flow: 0, shape: [SAMPLES, 3] },
  'gemm over samples': { of: op('Gemm', [numbers([SAMPLES, 2], 1)], { transA: 1 }), flow: 'mixed', shape: [SAMPLES, 3] },
  einsum: { of: op('Einsum', [numbers([3, 2], 1)], { equation: 'nc,cd->dn' }), flow: 1, shape: [SAMPLES, 3] },
  'einsum over samples': { of: op('Einsum', [numbers([SAMPLES, 2], 1)], { equation: 'nc,nd->dc' }), flow: 'mixed', shape: [SAMPLES, 3] },
  'slice of pixels': { of: op('Slice', [ints(1), ints(3), ints(2)]), flow: 0 },
  'slice of samples': { of: op('Slice', [ints(1), ints(3), ints(0)]), flow: 'unknown' },
  'gather of pixels': { of: op('Gather', [ints(0, 2)], { axis: 2 }), flow: 0 },
  'gather of samples': { of: op('Gather', [ints(0, 0)], { axis: 0 }), flow: 'unknown' },
  'concat with itself': { of: (b, x) => b.op('Concat', [x, x], { axis: 1 }), flow: 0 },
  'concat of samples': { of: (b, x) => b.op('Concat', [x, x], { axis: 0 }), flow: 'unknown' },
  'sum over samples so far': { of: op('CumSum', [new Tensor('int64', new BigInt64Array(1), [])]), flow: 'mixed' },
  'sum over channels so far': { of: op('CumSum', [new Tensor('int64', BigInt64Array.of(1n), [])]), flow: 0 },
  'LSTM over time': { of: (b, x) => lstm(x, b), flow: 2, shape: [4, SAMPLES, 3], axis: 1 },
  'LSTM over samples': { of: (b, x) => lstm(x, b), flow: 'mixed', shape: [SAMPLES, 4, 3] },
  'sizes alone': { of: op('Shape'), flow: 'none' },
}

const part = (tensor: Tensor, axis: number, sample: number, samples: number): string => {
  const inner = tensor.shape.slice(axis).reduce((total, side) => total * side, 1)
  const run = inner / samples
  const values = Array.from(tensor.data as Float32Array)
  const own = values.filter((_, i) => Math.floor((i % inner) / run) === sample)
  return bitsOf(new Tensor('float64', Float64Array.from(own, Number), [own.length]))
}

for (const [name, { of, flow, shape = [SAMPLES, 3, 4, 4], axis = 0 }] of Object.entries(kinds))
  test(`samples are followed: ${name}`, async () => {
    const b = new GraphBuilder({ opset: 18 })
    const y = of(b, b.input('x', 'float32', shape))
    b.output(y, 'y')
    const graph = b.build()
    const found = followSamples(graph, new Map([['x', axis]]), SAMPLES, typesOf(graph)).get('y') ?? 'none'
    const shown = isLost(found) ? (found.mixed ? 'mixed' : 'unknown') : found
    assert.equal(shown, flow)

    // The claim holds in onnxruntime: another sample 2 changes nothing of the others.
    const x = numbers(shape, 1)
    const inner = shape.slice(axis).reduce((total, side) => total * side, 1)
    const other = new Tensor('float32', (x.data as Float32Array).map((value, i) => (Math.floor((i % inner) / (inner / SAMPLES)) === 2 ? value + 1 : value)), shape) // prettier-ignore
    const file = writeGraph({ graph })
    const run = async (fed: Tensor) => (await runModel(file, new Map([['x', fed]]))).get('y')!
    const [before, after] = [await run(x), await run(other)]
    if (flow === 'none') assert.equal(bitsOf(after), bitsOf(before))
    if (typeof flow !== 'number') return
    for (const sample of [0, 1, 3, 4])
      assert.equal(part(after, flow, sample, SAMPLES), part(before, flow, sample, SAMPLES), `sample ${sample} depends on sample 2`)
  })
