import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Plain } from '../../src/graph/attributes.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import type { Dim } from '../../src/graph/graph.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { fails } from './errors.ts'
import { built, type Input, ints } from './one-operator.ts'

const shapeOf = (op: string, inputs: readonly Input[], attributes: Readonly<Record<string, Plain>> = {}) =>
  built(op, inputs, attributes).outputs[0]?.shape

const symbolic: readonly (readonly [
  op: string,
  inputs: readonly Input[],
  attributes: Readonly<Record<string, Plain>>,
  shape: readonly (Dim | RegExp)[],
])[] = [
  [
    'Add',
    [
      ['N', 1, 4],
      [3, 1],
    ],
    {},
    ['N', 3, 4],
  ],
  [
    'Add',
    [
      ['N', 'M'],
      ['N', 1],
    ],
    {},
    ['N', 'M'],
  ],
  ['Add', [['N'], ['M']], {}, [/here/]],
  ['Add', [['N'], [5]], {}, [5]],
  [
    'MatMul',
    [
      ['N', 'T', 8],
      [8, 4],
    ],
    {},
    ['N', 'T', 4],
  ],
  ['MatMul', [[8], ['N', 8, 2]], {}, ['N', 2]],
  ['Gemm', [[3, 'N'], [5, 3], [5]], { transA: 1, transB: 1 }, ['N', 5]],
  [
    'Einsum',
    [
      ['B', 'i', 3],
      ['B', 3, 7],
    ],
    { equation: 'bij,bjk->bki' },
    ['B', 7, 'i'],
  ],
  ['Einsum', [[2, 'N', 3]], { equation: '...ij' }, [2, 'N', 3]],
  [
    'Conv',
    [
      ['N', 3, 'H', 9],
      [5, 3, 3, 3],
    ],
    { pads: [1, 1, 1, 1] },
    ['N', 5, 'H', 9],
  ],
  [
    'Conv',
    [
      ['N', 3, 'H', 9],
      [5, 3, 3, 3],
    ],
    { strides: [2, 2] },
    ['N', 5, /here/, 4],
  ],
  ['Reshape', [['N', 3, 4], ints(0, -1)], {}, ['N', 12]],
  ['Reshape', [['N', 'T', 4], ints(-1, 4)], {}, [/here/, 4]],
  ['Reshape', [['N', 4], ints(-1, 2, 2)], {}, ['N', 2, 2]],
  ['Flatten', [['N', 3, 4]], { axis: 1 }, ['N', 12]],
  ['Slice', [['N', 9], ints(0, -3), ints(2 ** 40, 2 ** 40), ints(0, 1)], {}, ['N', 3]],
  ['Slice', [['N', 9], ints(1), ints(3), ints(0)], {}, [/here/, 9]],
  [
    'Concat',
    [
      ['N', 2],
      ['N', 3],
    ],
    { axis: 1 },
    ['N', 5],
  ],
  ['Expand', [[1, 3], ints(4, 1)], {}, [4, 3]],
  ['Pad', [['N', 3], ints(0, 1, 0, 1)], {}, ['N', 5]],
  ['ReduceMean', [['N', 'T', 3], ints(1)], { keepdims: 0 }, ['N', 3]],
  ['Gather', [['V', 8], ints(1, 2)], {}, [2, 8]],
  ['Tile', [['N', 3], ints(1, 2)], {}, ['N', 6]],
  ['Transpose', [['N', 'C', 'H']], { perm: [0, 2, 1] }, ['N', 'H', 'C']],
]
for (const [op, inputs, attributes, expected] of symbolic) {
  const given = inputs.map((input) => (input instanceof Tensor ? `(${[...input.data].join()})` : `[${input?.join() ?? ''}]`)).join(' ')
  test(`${op} of ${given} is [${expected.join(', ')}]`, () => {
    const shape = shapeOf(op, inputs, attributes)
    assert.equal(shape?.length, expected.length)
    for (const [i, side] of expected.entries())
      if (side instanceof RegExp) assert.match(String(shape?.[i]), side)
      else assert.equal(shape?.[i], side)
  })
}

const mismatches: readonly (readonly [op: string, inputs: readonly Input[], attributes: Readonly<Record<string, Plain>>, says: string])[] =
  [
    ['Add', [[2, 3], [4]], {}, '[2, 3] and [4] do not broadcast'],
    ['Add', [[2], ints(1, 2)], {}, 'float32 and int64'],
    [
      'MatMul',
      [
        [2, 3],
        [4, 5],
      ],
      {},
      '3 columns with 4 rows',
    ],
    ['Gemm', [[2, 3], [3, 4], [5]], {}, 'broadcast'],
    [
      'Conv',
      [
        [1, 4, 8, 8],
        [6, 3, 3, 3],
      ],
      {},
      '4 channels',
    ],
    [
      'Conv',
      [
        [1, 3, 2, 2],
        [6, 3, 3, 3],
      ],
      {},
      'does not fit',
    ],
    [
      'Conv',
      [
        [1, 3, 8],
        [6, 3, 3, 3],
      ],
      {},
      '4 dimensions',
    ],
    ['BatchNormalization', [[1, 4, 8], [3], [3], [3], [3]], {}, '3 numbers for 4 channels'],
    ['Reshape', [[2, 3], ints(4, -1)], {}, '[4, -1]'],
    ['Reshape', [[2, 3], ints(-1, -1)], {}, 'at most one'],
    [
      'Concat',
      [
        [2, 3],
        [4, 3],
      ],
      { axis: 1 },
      'sides 2 and 4',
    ],
    ['Split', [[5, 2], ints(2, 2)], { axis: 0 }, '2 lengths'],
    ['Squeeze', [[2, 1], ints(0)], {}, 'side is 2'],
    ['Transpose', [[2, 3]], { perm: [0, 0] }, 'twice'],
    ['ReduceSum', [[2, 3], ints(2)], {}, 'axis 2'],
    ['Where', [[2], [2], [2]], {}, 'takes bool'],
    ['Gather', [[2, 3], [2]], {}, 'takes int32 or int64'],
    [
      'Einsum',
      [
        [2, 3],
        [4, 5],
      ],
      { equation: 'ij,jk->ik' },
      '"j"',
    ],
    [
      'LSTM',
      [
        [5, 2, 3],
        [1, 16, 3],
        [1, 12, 4],
      ],
      { hidden_size: 4 },
      'weights do not fit',
    ],
    ['LayerNormalization', [[2, 3], [4]], {}, 'do not broadcast'],
    ['TopK', [[3], ints(4)], {}, 'top 4 of 3'],
    ['Relu', [], {}, 'lacks input 0'],
  ]
for (const [op, inputs, attributes, says] of mismatches) {
  test(`${op} refuses ${says}, naming the node and its inputs`, () => {
    fails(() => built(op, inputs, attributes), 'bad-model', `node here (${op}): `, says, 'its inputs are ', /: [^:]+$/)
  })
}

test('windows that onnxruntime places in ways of its own are refused, with pads that say what is meant', () => {
  const apart = [
    ['Conv', [[1, 1, 4], [1, 1, 1]], { auto_pad: 'SAME_UPPER', strides: [2] }],
    ['MaxPool', [[1, 1, 6]], { kernel_shape: [1], auto_pad: 'SAME_LOWER', strides: [3] }],
    ['AveragePool', [[1, 1, 8]], { kernel_shape: [2], auto_pad: 'SAME_UPPER', strides: [4] }],
  ] as const // prettier-ignore
  for (const [op, inputs, attributes] of apart) {
    fails(() => built(op, inputs, attributes), 'unsupported', `node here (${op})`, attributes.auto_pad, 'state its pads')
  }
  // The last window ends where the side does: nothing is padded, and nothing left over.
  assert.deepEqual(built('MaxPool', [[1, 1, 7]], apart[1][2]).outputs[0]?.shape, [1, 1, 3])
  for (const op of ['MaxPool', 'AveragePool']) {
    const given = { kernel_shape: [3], strides: [3], ceil_mode: 1 }
    fails(() => built(op, [[1, 1, 5]], { ...given, pads: [1, 2] }), 'unsupported', `node here (${op})`, 'axis 2', 'take 2 from')
    assert.deepEqual(built(op, [[1, 1, 5]], { ...given, pads: [1, 0] }).outputs[0]?.shape, [1, 1, 2])
    assert.deepEqual(built(op, [[1, 1, 5]], { ...given, pads: [1, 2], ceil_mode: 0 }).outputs[0]?.shape, [1, 1, 2])
  }
})

test('what has no shape before it runs is unsupported, with a way out', () => {
  fails(() => built('NonZero', [[3]]), 'unsupported', 'node here (NonZero)', 'mask')
  fails(() => built('Gradient', [[3]]), 'unsupported', 'node here (Gradient)', 'not known')
  const b = new GraphBuilder()
  const [x, shape] = [b.input('x', 'float32', [6]), b.input('s', 'int64', ['R'])]
  fails(() => b.op('Reshape', [x, shape]), 'unsupported', 'rank')
  const axes = b.input('a', 'int64', [1])
  fails(() => b.op('Unsqueeze', [x, axes]), 'unsupported', 'axes')
  assert.equal(b.op('ReduceSum', [x, axes]).shape.length, 1)
})

test('elements of small tables are followed through Slice, Transpose and Gather of any axis', () => {
  const table = new Tensor(
    'int64',
    BigInt64Array.from({ length: 24 }, (_, i) => BigInt(i)),
    [2, 3, 4],
  )
  const elements = (op: string, more: readonly (readonly number[])[], attributes: Readonly<Record<string, Plain>> = {}) => {
    const b = new GraphBuilder()
    const inputs = [b.constant(table), ...more.map((values) => b.constant(ints(...values)))]
    return b.elementsOf(b.op(op, inputs, attributes).name)?.values
  }
  const at = (...places: readonly (readonly [number, number, number])[]) => places.map(([i, j, k]) => i * 12 + j * 4 + k)
  assert.deepEqual(
    elements('Transpose', [], { perm: [2, 0, 1] })?.slice(0, 7),
    at([0, 0, 0], [0, 1, 0], [0, 2, 0], [1, 0, 0], [1, 1, 0], [1, 2, 0], [0, 0, 1]),
  )
  assert.deepEqual(
    elements('Slice', [
      [-1, 1],
      [-(2 ** 60), 3],
      [2, 1],
      [-2, 1],
    ]),
    at([0, 1, 3], [0, 1, 1], [0, 2, 3], [0, 2, 1], [1, 1, 3], [1, 1, 1], [1, 2, 3], [1, 2, 1]),
  )
  assert.deepEqual(elements('Gather', [[-1, 0]], { axis: 1 })?.slice(0, 8), [8, 9, 10, 11, 0, 1, 2, 3])
  assert.equal(elements('Gather', [[3]], { axis: 1 }), undefined, 'what lies outside is left to the runtime')
  // The table of pads as PyTorch's TorchScript exporter computes it: pairs in reverse, then all begins before all ends.
  const b = new GraphBuilder()
  const pairs = b.op('Reshape', [b.constant(ints(1, 2, 3, 4, 0, 0, 0, 0)), b.constant(ints(-1, 2))])
  const reversed = b.op('Slice', [pairs, b.constant(ints(-1)), b.constant(ints(-(2 ** 60))), b.constant(ints(0)), b.constant(ints(-1))])
  const pads = b.op('Reshape', [b.op('Transpose', [reversed], { perm: [1, 0] }), b.constant(ints(-1))])
  const x = b.input('x', 'float32', ['N', 1, 8, 8])
  assert.deepEqual(b.op('Pad', [x, pads], { mode: 'reflect' }).shape, ['N', 1, 15, 11])
})
