import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { builderOf } from '../../src/graph/rebuild.ts'
import { gradientGraph } from '../../src/training/gradient.ts'
import { lowered } from '../../src/training/lower.ts'
import { unrolled } from '../../src/training/unroll.ts'
import { arbitrary, float32, int64 } from './gradcheck/case.ts'
import { cases } from './gradcheck/cases.ts'
import { arraysOf } from './gradcheck/differences.ts'
import { runInOrt } from './gradcheck/ort.ts'
import { interpret } from './reference/interpret.ts'

test('a lowered graph gives what the graph gives, under the same names', () => {
  const forms = ['Einsum', 'MaxPool', 'LayerNormalization', 'LSTM', 'GRU', 'ScatterND'].map((op) => [op, lowered] as const)
  for (const [op, form] of [...forms, ['LSTM', unrolled] as const]) {
    const kind = cases[op]
    assert.ok(kind !== undefined)
    const same = fc.property(arbitrary(kind), ({ graph, feeds, of }) => {
      const given = arraysOf(feeds)
      const [before, after] = [interpret(graph, given), interpret(form(graph, of), given)]
      for (const name of graph.outputs.keys()) {
        const [one, other] = [before.get(name), after.get(name)]
        assert.deepEqual(other?.shape, one?.shape)
        for (const [i, value] of one?.data.entries() ?? []) assert.ok(Math.abs(value - (other?.data[i] ?? NaN)) < 1e-9, `${op} ${name}`)
      }
    })
    fc.assert(same, { numRuns: 25, seed: 3 })
  }
})

test('gradients of a lowered MaxPool and LSTM take what the forward nodes give, and run none of them again', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', [1, 1, 4, 2])
  const pooled = b.op('MaxPool', [x], { kernel_shape: [2, 1], strides: [2, 1] })
  const sequence = b.op('Reshape', [pooled, b.ints(2, 1, 2)])
  const [w, r] = [b.input('w', 'float32', [1, 8, 2]), b.input('r', 'float32', [1, 8, 2])]
  const [, last] = b.ops('LSTM', [sequence, w, r], { hidden_size: 2 }, { outputs: ['', 'last'] }).toReversed()
  b.output(b.op('ReduceSum', [last ?? b.value('last')], { keepdims: 0 }, { outputs: ['loss'] }))
  const after = builderOf(lowered(b.build(), ['x', 'w', 'r']))
  gradientGraph(after, { loss: 'loss', of: ['x', 'w', 'r'] })
  const count = (op: string): number => after.build().nodes.filter((node) => node.op === op).length
  assert.deepEqual([count('MaxPool'), count('LSTM')], [1, 1])
  assert.equal(lowered(b.build(), []).nodes.find(({ op }) => op === 'MaxPool')?.outputs.length, 1)
})

test('an unrolled LSTM gives its gradient the sums of its gates, and the same gradients', () => {
  const kind = cases['LSTM']
  assert.ok(kind !== undefined)
  for (const { graph, feeds, of } of fc.sample(arbitrary(kind), { numRuns: 60, seed: 8 })) {
    const b = builderOf(lowered(graph, of))
    const terms = [...graph.outputs.keys()].map((name) => b.op('ReduceSum', [b.op('Mul', [b.value(name), b.value(name)])], { keepdims: 0 }))
    const gradients = gradientGraph(b, { loss: b.op('Sum', terms).name, of })
    for (const [name, gradient] of gradients) b.output(gradient, `gradient/${name}`)
    const [whole, apart] = [b.build(), unrolled(b.build())]
    const sums = (from: typeof whole) => from.nodes.filter(({ name }) => name.includes('/sums/')).map(({ op }) => op) // prettier-ignore
    assert.ok(sums(whole).length > 0 && sums(whole).every((op) => op === 'Gemm'))
    assert.ok(sums(apart).length === sums(whole).length && sums(apart).every((op) => op === 'Identity'))
    const [one, other] = [interpret(whole, arraysOf(feeds)), interpret(apart, arraysOf(feeds))]
    for (const name of of)
      for (const [i, value] of one.get(`gradient/${name}`)?.data.entries() ?? [])
        assert.ok(Math.abs(value - (other.get(`gradient/${name}`)?.data[i] ?? NaN)) < 1e-9, name)
  }
})

test('no Einsum and no adding ScatterND is left, and adding to one place gives the same at any number of threads', async () => {
  const b = new GraphBuilder()
  const [data, updates] = [b.input('data', 'float32', [3, 4]), b.input('updates', 'float32', [5000, 4])]
  const at = b.constant(int64(Array.from({ length: 5000 }, (_, i) => (i % 3) - (i % 2 ? 3 : 0)), [5000, 1])) // prettier-ignore
  const sums = b.op('ScatterND', [data, at, updates], { reduction: 'add' })
  b.output(b.op('Einsum', [sums, sums], { equation: 'ij,kj->ik' }, { outputs: ['y'] }))
  const graph = lowered(b.build(), ['data', 'updates'])
  assert.deepEqual(graph.nodes.filter(({ op }) => op === 'Einsum' || op === 'ScatterND'), []) // prettier-ignore
  const feeds = new Map([
    ['data', float32(Array.from({ length: 12 }, (_, i) => Math.sin(i)), [3, 4])], // prettier-ignore
    ['updates', float32(Array.from({ length: 20000 }, (_, i) => Math.cos(i)), [5000, 4])], // prettier-ignore
  ])
  const [one, two] = await runInOrt(graph, feeds, [1, 2])
  assert.deepEqual(two?.get('y')?.data, one?.get('y')?.data)
  const exact = interpret(b.build(), arraysOf(feeds)).get('y')?.data ?? []
  for (const [i, value] of exact.entries())
    assert.ok(Math.abs(Number(one?.get('y')?.data[i]) - value) < 1e-3 * Math.max(1, Math.abs(value)))
})

test('an Einsum that takes a diagonal is refused by name', () => {
  const b = new GraphBuilder()
  const x = new Tensor('float32', new Float32Array(9), [3, 3])
  b.op('Einsum', [b.constant(x)], { equation: 'ii->i' }, { name: 'trace' })
  assert.throws(() => lowered(b.build(), []), (error) => isActiveStorageError(error, 'unsupported') && error.message.includes('trace')) // prettier-ignore
})

test('an unrolled LSTM gives the same bits at any number of threads, whatever the batch', async () => {
  const [steps, hidden] = [5, 16]
  const wave = (...sides: readonly number[]) => float32(Array.from({ length: sides.reduce((n, side) => n * side, 1) }, (_, i) => Math.sin(1.7 * i) / 3), sides) // prettier-ignore
  // At each of these some number of threads leaves one of them with one row.
  for (const batch of [2, 3, 5]) {
    const b = new GraphBuilder()
    const feeds = new Map([['x', wave(steps, batch, 8)], ['w', wave(1, 4 * hidden, 8)], ['r', wave(1, 4 * hidden, hidden)]] as const) // prettier-ignore
    const inputs = [...feeds].map(([name, { dtype, shape }]) => b.input(name, dtype, shape))
    const [y] = b.ops('LSTM', inputs, { hidden_size: hidden }, { outputs: ['y'] })
    b.output(y ?? b.value('y'))
    const [one, ...more] = await runInOrt(unrolled(b.build()), feeds, [1, 2, 3])
    for (const other of more) assert.deepEqual(other.get('y')?.data, one?.get('y')?.data)
  }
})
