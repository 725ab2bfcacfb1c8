import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '../../src/core/tensor.ts'
import { bind, openSides } from '../../src/graph/bind.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { cut } from '../../src/graph/cut.ts'
import { fold } from '../../src/graph/fold.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { merge } from '../../src/graph/merge.ts'
import { prune } from '../../src/graph/prune.ts'
import { share } from '../../src/graph/share.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { fails } from './errors.ts'
import { bitsOf, runModel } from './run.ts'

const floats = (shape: readonly number[], start = 0) =>
  new Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((product, side) => product * side, 1) }, (_, i) => Math.sin(start + i)),
    shape,
  )

/** x -> hidden -> y, with a branch that nothing but `extra` needs. */
const twoLayers = (): Graph => {
  const b = new GraphBuilder({ name: 'two' })
  const x = b.input('x', 'float32', ['N', 3])
  const hidden = b.op('Relu', [b.op('MatMul', [x, b.initializer('w1', floats([3, 4]))])], {}, { outputs: ['hidden'] })
  b.output(b.op('MatMul', [hidden, b.initializer('w2', floats([4, 2], 5))], {}, { outputs: ['y'] }))
  b.output(b.op('Sigmoid', [b.op('MatMul', [x, b.initializer('w3', floats([3, 1], 9))])], {}, { outputs: ['extra'] }))
  return b.build()
}
const feeds = new Map([['x', floats([5, 3])]])
const run = (graph: Graph, given: ReadonlyMap<string, Tensor> = feeds) => runModel(writeGraph({ graph }), given)

test('a graph cut in two and merged again gives the same bits', async () => {
  const whole = twoLayers()
  const front = cut(whole, { outputs: ['hidden'] })
  const back = cut(whole, { inputs: ['hidden'], outputs: ['y'] })
  assert.deepEqual([...front.initializers.keys()], ['w1'])
  assert.deepEqual([...back.initializers.keys()], ['w2'])
  assert.deepEqual(back.inputs.get('hidden'), { dtype: 'float32', shape: ['N', 4] })
  const expected = bitsOf((await run(whole)).get('y'))
  const features = await run(front)
  assert.equal(bitsOf((await run(back, features)).get('y')), expected)
  const joined = merge(front, back)
  assert.deepEqual([[...joined.inputs.keys()], [...joined.outputs.keys()]], [['x'], ['y']])
  assert.equal(bitsOf((await run(joined)).get('y')), expected)
})

test('a cut that does not separate names the node that still needs the input', () => {
  fails(() => cut(twoLayers(), { inputs: ['hidden'] }), 'invalid-argument', 'MatMul', '"x"')
  fails(() => cut(twoLayers(), { outputs: ['nowhere'] }), 'not-found', '"nowhere"')
})

test('what two graphs both call by one name is kept apart', async () => {
  const [first, second] = [cut(twoLayers(), { outputs: ['hidden'] }), cut(twoLayers(), { outputs: ['y'] })]
  const head = new GraphBuilder({ name: 'head' })
  const given = head.input('x', 'float32', ['N', 4])
  head.output(head.op('MatMul', [given, head.initializer('w1', floats([4, 3], 3))], {}, { name: 'MatMul', outputs: ['z'] }))
  const joined = merge(first, head.build(), { connect: { x: 'hidden' }, keep: ['hidden'] })
  assert.deepEqual([...joined.outputs.keys()], ['z', 'hidden'])
  assert.deepEqual([...joined.initializers.keys()], ['w1', 'w1_2'])
  const results = await run(joined)
  assert.deepEqual(results.get('z')?.shape, [5, 3])
  assert.equal(new Set(joined.nodes.map(({ name }) => name)).size, joined.nodes.length)
  fails(() => merge(first, second, { connect: { x: 'hidden' } }), 'invalid-argument', 'float32[N, 4]', 'float32[N, 3]')
  fails(() => merge(first, second, { connect: { x: 'y' } }), 'invalid-argument', '"y"')
})

test('branches that no output needs are cut, and their weights with them', () => {
  const pruned = prune(twoLayers(), ['y'])
  assert.equal(pruned.nodes.length, 3)
  assert.deepEqual([...pruned.initializers.keys()], ['w1', 'w2'])
  fails(() => prune(twoLayers(), ['w1']), 'not-found', '"w1"', 'extra')
})

test('equal sub-expressions are computed once, but nothing that draws and nothing that differs in an attribute', async () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', [5, 3])
  const twice = [0, 1].map(() => b.op('Exp', [b.op('Relu', [x])]))
  const leaky = [0.1, 0.2].map((alpha) => b.op('LeakyRelu', [x], { alpha }))
  const drawn = [0, 1].map(() => b.op('RandomUniformLike', [x], { dtype: 1 }))
  const dropped = [0, 1].map(() => b.op('Dropout', [x, b.scalar(0.5), b.constant(new Tensor('bool', Uint8Array.of(1), []))]))
  b.output(b.op('Sum', [...twice, ...leaky]), 'sum')
  b.output(b.op('Sum', [...drawn, ...dropped]), 'noise')
  const graph = b.build()
  const shared = share(graph)
  assert.equal(graph.nodes.length - shared.nodes.length, 2)
  assert.equal(shared.nodes.filter(({ op }) => op === 'LeakyRelu' || op.startsWith('Random') || op === 'Dropout').length, 6)
  assert.equal(bitsOf((await run(shared)).get('sum')), bitsOf((await run(graph)).get('sum')))
})

test('an output keeps its name although another tensor is the same', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', [2])
  for (const name of ['one', 'two']) b.output(b.op('Relu', [x], {}, { outputs: [name] }))
  assert.deepEqual([...share(b.build()).outputs.keys()], ['one', 'two'])
  assert.equal(share(b.build()).nodes.length, 2)
})

/** What exporters make of `x.view(x.size(0), -1)`, with a Constant, an Identity and a Dropout. */
const exported = (): Graph => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 3, 'W'])
  const index = b.op('Constant', [], { value: new Tensor('int64', BigInt64Array.of(0n), []) })
  const side = b.op('Unsqueeze', [b.op('Gather', [b.op('Shape', [x]), index]), b.ints(0)])
  const flat = b.op('Reshape', [x, b.op('Concat', [side, b.ints(-1)], { axis: 0 })])
  b.output(b.op('Relu', [b.op('Dropout', [b.op('Identity', [flat])])], {}, { outputs: ['y'] }))
  return b.build()
}

test('names of sides are followed through the computing of shapes', () => {
  assert.deepEqual(openSides(exported()), ['N', 'W'])
  const [rows, columns] = exported().outputs.get('y')?.shape ?? []
  assert.equal(rows, 'N')
  assert.equal(typeof columns, 'string')
  assert.deepEqual(bind(exported(), { W: 4 }).outputs.get('y')?.shape, ['N', 12])
})

test('bound and folded, what computes shapes is gone and the bits are the same', async () => {
  const given = new Map([['x', floats([2, 3, 4])]])
  const bound = bind(exported(), { N: 2, W: 4 })
  const folded = fold(bound, { inference: true })
  assert.deepEqual(
    folded.nodes.map(({ op }) => op),
    ['Reshape', 'Relu'],
  )
  assert.ok(
    fold(bound).nodes.some(({ op }) => op === 'Dropout'),
    'not for training',
  )
  assert.equal(bitsOf((await run(folded, given)).get('y')), bitsOf((await run(exported(), given)).get('y')))
})

test('a binding that does not fit is refused', () => {
  fails(() => bind(exported(), { M: 2 }), 'invalid-argument', '"M"', 'N, W')
  fails(() => bind(exported(), { N: -1 }), 'invalid-argument', '"N"')
  const b = new GraphBuilder()
  b.output(b.op('Reshape', [b.input('x', 'float32', ['N', 3]), b.ints(2, -1)]), 'y')
  fails(() => bind(b.build(), { N: 5 }), 'bad-model', 'node Reshape', '[2, -1]')
})
