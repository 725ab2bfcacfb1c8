import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '../../src/core/tensor.ts'
import { attributesOf, type Plain } from '../../src/graph/attributes.ts'
import { checkGraph } from '../../src/graph/check.ts'
import type { Attributes, Graph, Node } from '../../src/graph/graph.ts'
import { readGraph } from '../../src/graph/read.ts'
import { upgrade } from '../../src/graph/upgrade.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { fails } from './errors.ts'
import { bitsOf, difference, runModel } from './run.ts'

const shape = [2, 4, 3, 5]
const x = new Tensor(
  'float32',
  Float32Array.from({ length: 120 }, (_, i) => Math.sin(i)),
  shape,
)
const node = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: Attributes = {}): Node => ({
  op,
  name: op,
  inputs,
  outputs,
  attributes,
})

const graphOf = (opset: number, nodes: readonly Node[], initializers: Readonly<Record<string, Tensor>> = {}): Graph =>
  checkGraph({ name: 'g', opset, inputs: [['x', { dtype: 'float32', shape }]], initializers: Object.entries(initializers), nodes, outputs: [['y', { dtype: 'float32', shape: [] }]] }) // prettier-ignore

const run = async (graph: Graph): Promise<Tensor> => {
  // What the file states of its output is of no rank that is known here: onnxruntime wants the right one.
  const file = writeGraph({ graph: { ...graph, outputs: upgrade(graph).outputs } })
  return (await runModel(file, new Map([['x', x]]))).get('y') ?? assert.fail('no y')
}

const floats = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])
const cases: readonly (readonly [
  string,
  opset: number,
  plain: Readonly<Record<string, Plain>>,
  initializers?: Readonly<Record<string, Tensor>>,
])[] = [
  ['Softmax', 11, { axis: 1 }],
  ['Softmax', 11, { axis: 3 }],
  ['LogSoftmax', 9, {}],
  ['ReduceMean', 13, { axes: [1, -1], keepdims: 0 }],
  ['ReduceSum', 11, { axes: [2] }],
  ['ReduceMax', 12, {}],
  ['Slice', 9, { starts: [1, -3], ends: [2 ** 31, 2], axes: [1, 3] }],
  ['Unsqueeze', 11, { axes: [0, 5] }],
  ['Dropout', 10, { ratio: 0.5 }],
  ['GroupNormalization', 21, { num_groups: 2, epsilon: 0.01 }, { scale: floats(1, 2, 3, 4), bias: floats(4, 3, 2, 1) }],
  ['Gelu', 20, {}],
  ['HardSwish', 22, {}],
]
for (const [op, opset, plain, initializers = {}] of cases) {
  test(`${op} of opset ${opset} (${JSON.stringify(plain)}) gives the same in opset 20`, async () => {
    const graph = graphOf(opset, [node(op, ['x', ...Object.keys(initializers)], ['y'], attributesOf(plain))], initializers)
    const raised = upgrade(graph)
    assert.equal(raised.opset, 20)
    const [old, now] = [await run(graph), await run(raised)]
    assert.equal(difference(now, old, 1e-5, 1e-6), undefined)
    assert.deepEqual(raised.outputs.get('y')?.shape, old.shape)
  })
}

test('bounds of a Clip, pads and lengths of parts become inputs', () => {
  const clip: Attributes = { min: { type: 'float', value: -0.5 }, max: { type: 'float', value: 0.25 } }
  const pads = attributesOf({ pads: [0, 0, 1, 1, 0, 0, 1, 1], mode: 'constant', value: undefined })
  const nodes = [
    node('Clip', ['x'], ['c'], clip),
    node('Pad', ['c'], ['p'], pads),
    node('Split', ['p'], ['y', 'z'], attributesOf({ axis: 1, split: [1, 3] })),
  ]
  const raised = upgrade(graphOf(10, nodes))
  const [first, second, third] = raised.nodes
  assert.deepEqual(
    first?.inputs.slice(1).map((name) => Number(raised.initializers.get(name)?.data[0])),
    [-0.5, 0.25],
  )
  assert.deepEqual([...(raised.initializers.get(second?.inputs[1] ?? '')?.data ?? [])].map(Number), [0, 0, 1, 1, 0, 0, 1, 1])
  assert.deepEqual([...(raised.initializers.get(third?.inputs[1] ?? '')?.data ?? [])].map(Number), [1, 3])
  assert.deepEqual(raised.outputs.get('y')?.shape, [2, 1, 5, 7])
  const equal = upgrade(graphOf(13, [node('Split', ['x'], ['y', 'z'], attributesOf({ axis: 1 }))])).nodes[0]
  assert.deepEqual(equal?.attributes['num_outputs'], { type: 'int', value: 2 })
})

const branch = (op: string, name: string): Attributes[string] => {
  const inner: Graph = { name, opset: 17, inputs: new Map(), initializers: new Map([['k', floats(3)]]), nodes: [node(op, ['x', 'k'], ['r'])], outputs: new Map([['r', { dtype: 'float32', shape }]]) } // prettier-ignore
  return { type: 'graph', value: inner }
}
const choice = (condition: string): Node =>
  node('If', [condition], ['y'], { then_branch: branch('Add', 'then'), else_branch: branch('Mul', 'else') })

test('an If whose condition is known becomes its branch, through a file and back', async () => {
  for (const [value, op] of [
    [1, 'Add'],
    [0, 'Mul'],
  ] as const) {
    const graph = graphOf(17, [choice('c')], { c: new Tensor('bool', Uint8Array.of(value), []) })
    const raised = upgrade(readGraph(writeGraph({ graph: { ...graph, outputs: new Map([['y', { dtype: 'float32', shape }]]) } })).graph)
    assert.deepEqual(
      raised.nodes.map((each) => each.op),
      [op, 'Identity'],
    )
    assert.equal(bitsOf(await run(raised)), bitsOf(await run(graphOf(17, [node(op, ['x', 'k'], ['y'])], { k: floats(3) }))))
  }
})

test('an If that depends on data, and a Loop, are refused by name', () => {
  const any = [
    node('ReduceMax', ['x'], ['m'], attributesOf({ keepdims: 0 })),
    node('Cast', ['m'], ['b'], attributesOf({ to: 9 })),
    choice('b'),
  ]
  fails(() => upgrade(graphOf(17, any)), 'unsupported', 'node If (If)', 'depends on data')
  fails(
    () => upgrade(graphOf(17, [node('Loop', ['', '', 'x'], ['y'], { body: branch('Add', 'body') })])),
    'unsupported',
    'node Loop (Loop)',
    'unrolled',
  )
  fails(
    () => upgrade(graphOf(17, [node('Magic', ['x'], ['y'])])),
    'unsupported',
    'node Magic (Magic)',
    'not known',
    'x float32[2, 4, 3, 5]',
  )
  fails(
    () => upgrade(graphOf(9, [node('BatchNormalization', ['x', 's', 's', 's', 's'], ['y', 'm'])], { s: floats(1, 1, 1, 1) })),
    'unsupported',
    'BatchNormalization',
    'training',
  )
})
