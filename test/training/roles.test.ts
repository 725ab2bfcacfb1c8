import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { fold } from '../../src/graph/fold.ts'
import { upgrade } from '../../src/graph/upgrade.ts'
import { decide, type DecideOptions } from '../../src/training/roles/decide.ts'
import type { Source } from '../../src/training/roles/kinds.ts'
import { reportOf } from '../../src/training/roles/report.ts'

const made = (shape: readonly number[], at: (i: number) => number) =>
  new Tensor(
    'float32',
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => at(i)),
    shape,
  )
// Numbers without a pattern, as weights are.
const drawn = (...shape: readonly number[]) => made(shape, (i) => Math.sin(i * i * 12.9898 + 78.233) * 0.5)
const decided = (source: Source, options: DecideOptions = {}) => decide(source, fold(upgrade(source.graph)), options)
const kinds = (source: Source, options: DecideOptions = {}) =>
  Object.fromEntries(decided(source, options).roles.map(({ name, kind }) => [name, kind]))

/** y = softmax((x - mean) w + tri) v * temperature + e[ids] */
const attention = () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 5, 6])
  const ids = b.input('ids', 'int64', ['N', 5])
  const plain = b.op('Sub', [x, b.initializer('pixel_mean', drawn(6))])
  const scores = b.op('MatMul', [plain, b.initializer('q.weight', drawn(6, 5))])
  const tri = b.initializer(
    'tri',
    made([5, 5], (i) => (i % 5 > Math.floor(i / 5) ? -Infinity : 0)),
  )
  const soft = b.op('Softmax', [b.op('Add', [scores, tri])], { axis: -1 })
  const mixed = b.op('MatMul', [soft, b.initializer('v.weight', drawn(5, 6))])
  const waves = made([5, 6], (i) => Math.sin(Math.floor(i / 6) * (i % 6) * 0.1 + 1))
  const placed = b.op('Add', [mixed, b.initializer('table', waves)])
  const scaled = b.op('Mul', [placed, b.op('Exp', [b.initializer('log_scale', drawn())])])
  const rows = b.op(
    'Gather',
    [
      b.initializer(
        'e.weight',
        made([9, 6], (i) => (i < 6 ? 0 : Math.sin(i * i))),
      ),
      ids,
    ],
    { axis: 0 },
  )
  b.output(b.op('Add', [scaled, rows]), 'y')
  return b.build()
}

test('weights of one element and what only Exp uses are trained; masks, means and tables of waves are not', () => {
  assert.deepEqual(kinds({ graph: attention() }), {
    pixel_mean: 'buffer',
    'q.weight': 'trained',
    tri: 'buffer',
    'v.weight': 'trained',
    table: 'buffer',
    log_scale: 'trained',
    'e.weight': 'trained',
  })
})

test('a row of zeros in an embedding is warned about, with the option that keeps it', () => {
  const { warnings } = decided({ graph: attention() })
  assert.match(warnings.join('\n'), /row 0 of "e\.weight".*padding_idx.*paddingRows/)
  const kept = decided({ graph: attention() }, { paddingRows: { 'e.weight': 0 } })
  assert.doesNotMatch(kept.warnings.join('\n'), /padding_idx/)
  assert.deepEqual([...kept.padding], [['e.weight', 0]])
  assert.throws(() => decided({ graph: attention() }, { paddingRows: { 'e.weight': 9 } }), /paddingRows.*9 rows/)
})

test('patterns correct the default, and a mask of -inf is never trained', () => {
  assert.equal(kinds({ graph: attention() }, { trainable: ['+table', '!q.*'] })['table'], 'trained')
  assert.equal(kinds({ graph: attention() }, { trainable: ['+table', '!q.*'] })['q.weight'], 'frozen')
  assert.equal(kinds({ graph: attention() }, { trainable: ['*'] })['tri'], 'buffer')
  assert.throws(() => decided({ graph: attention() }, { trainable: ['tri'] }), /"tri" cannot be trained.*not finite/)
})

test('the list of the exporter goes before names, and a malformed one is refused by its key', () => {
  const listed = (text: string) => kinds({ graph: attention(), metadata: new Map([['active_storage.tensors', text]]) })
  const tensors = {
    table: { kind: 'parameter', name: 'table', trained: true },
    'q.weight': { kind: 'parameter', trained: false },
    'v.weight': { kind: 'buffer' },
  }
  const found = listed(JSON.stringify({ version: 1, tensors }))
  assert.deepEqual([found['table'], found['q.weight'], found['v.weight'], found['e.weight']], ['trained', 'frozen', 'buffer', 'constant'])
  for (const text of ['{', '{"version":2,"tensors":{}}', '{"version":1}', '{"version":1,"tensors":{"a":{"kind":"thing"}}}'])
    assert.throws(() => listed(text), (error: unknown) => isActiveStorageError(error, 'bad-model') && error.message.includes('active_storage.tensors')) // prettier-ignore
  const lost = decided({
    graph: attention(),
    metadata: new Map([
      ['active_storage.tensors', JSON.stringify({ version: 1, tensors, dropouts: [{ module: 'drop1', p: 0.5 }], batchNorms: ['bn'] })],
    ]),
  }).warnings.join('\n')
  assert.match(lost, /Dropout vanished.*"drop1"/)
  assert.match(lost, /BatchNorm was folded.*"bn"/)
})

test('nothing that the upgrade of a GroupNormalization adds is trained, in no opset', () => {
  const b = new GraphBuilder({ opset: 20 })
  const x = b.input('x', 'float32', ['N', 6, 4])
  const [scale, bias] = [b.initializer('n.weight', drawn(6)), b.initializer('n.bias', drawn(6))]
  b.node({ op: 'InstanceNormalization', name: 'n', inputs: [x.name, scale.name, bias.name], outputs: ['y'], attributes: {} })
  b.output(b.value('y'))
  const graph = b.build()
  const nodes = graph.nodes.map(
    (node) => ({ ...node, op: 'GroupNormalization', attributes: { num_groups: { type: 'int', value: 3 } } }) as const,
  )
  assert.deepEqual(decided({ graph: { ...graph, opset: 21, nodes } }).trainable, ['n.weight', 'n.bias'])
})

test('merged, untied and folded weights of a PyTorch export are warned about by name', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 3, 8])
  const conv = b.op('Conv', [x, b.initializer('onnx::Conv_1', drawn(4, 3, 3)), b.initializer('onnx::Conv_2', drawn(4))])
  const [w, v] = [
    b.initializer(
      'n1.weight',
      made([6], () => 1),
    ),
    b.initializer(
      'n1.bias',
      made([6], () => 0),
    ),
  ]
  const first = b.op('LayerNormalization', [conv, w, v], { axis: -1 })
  const other = b.op('Identity', [w], {}, { outputs: ['n2.weight'] })
  b.output(b.op('LayerNormalization', [first, other, v], { axis: -1 }), 'y')
  const { warnings } = decided({ graph: b.build() })
  assert.match(warnings.join('\n'), /"n1\.weight" also serves as "n2\.weight".*merged/)
  assert.match(warnings.join('\n'), /BatchNorm was folded into the weights "onnx::Conv_1"/)
  const c = new GraphBuilder()
  const table = drawn(7, 4)
  const turned = made([4, 7], (i) => Number(table.data[(i % 7) * 4 + Math.floor(i / 7)]))
  const rows = c.op('Gather', [c.initializer('emb.weight', table), c.input('ids', 'int64', ['N'])], { axis: 0 })
  c.output(c.op('MatMul', [rows, c.initializer('onnx::MatMul_9', turned)]), 'y')
  assert.match(decided({ graph: c.build() }).warnings.join('\n'), /"emb\.weight" and "onnx::MatMul_9" hold the same values.*tied/)
})

test('a report is bounded, and counts all', () => {
  const roles = Array.from({ length: 200 }, (_, i) => ({ name: `w${i}`, kind: 'trained' as const, why: 'a weight', shape: [2, 3] }))
  const report = reportOf({ roles, padding: new Map(), warnings: Array.from({ length: 60 }, (_, i) => `warning ${i}`), notes: [] })
  assert.deepEqual([report.trained.tensors, report.trained.elements, report.trained.first.length], [200, 1200, 50])
  assert.equal(report.warnings.length, 51)
})

test('a causal mask and distances of positions that are named like a bias are kept, with a warning', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 4, 4])
  const [flags, distances] = [
    made([4, 4], (i) => (i % 4 > i / 4 ? 0 : 1)),
    made([2, 4, 4], (i) => -Math.abs((i % 4) - (Math.floor(i / 4) % 4))),
  ]
  const scores = b.op('MatMul', [x, b.initializer('q.weight', drawn(4, 4))])
  const masked = b.op('Mul', [scores, b.initializer('attn.bias', flags)])
  const far = b.op('ReduceMean', [b.initializer('attn_bias', distances), b.ints(0)], { keepdims: 0 })
  b.output(b.op('Add', [masked, far]), 'y')
  const { warnings } = decided({ graph: b.build() })
  assert.deepEqual(kinds({ graph: b.build() }), { 'q.weight': 'trained', 'attn.bias': 'buffer', attn_bias: 'buffer', constant: 'constant' })
  assert.match(warnings.join('\n'), /"attn\.bias" holds a mask of 0 and 1.*\+attn\.bias/)
  assert.match(warnings.join('\n'), /"attn_bias" holds one number along each diagonal/)
})

test('a tensor without a name of a weight that a product takes, and a filter written by hand, have a warning', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 2, 6, 6])
  const blur = made([2, 1, 3, 3], (i) => [1, 2, 1, 2, 4, 2, 1, 2, 1][i % 9] ?? 0)
  const smooth = b.op('Conv', [x, b.initializer('blur.weight', blur)], { group: 2 })
  const fixed = b.op('Conv', [smooth, b.initializer('pool.kernel', blur)], { group: 2 })
  const features = b.op('MatMul', [b.op('Flatten', [fixed], { axis: 1 }), b.initializer('B', drawn(8, 5))])
  b.output(b.op('MatMul', [features, b.initializer('head.weight', drawn(5, 2))]), 'y')
  const { warnings } = decided({ graph: b.build() })
  assert.deepEqual(kinds({ graph: b.build() }), {
    'blur.weight': 'trained',
    'pool.kernel': 'constant',
    B: 'trained',
    'head.weight': 'trained',
  })
  assert.equal(warnings.length, 3, warnings.join('\n'))
  assert.match(warnings.join('\n'), /"blur\.weight" is a filter that looks written by hand, and is trained.*requires_grad/)
  assert.match(warnings.join('\n'), /"B" is used as a layer uses its weights/)
})

test('layers that are others in training have a warning: RReLU, and a BatchNorm that keeps its statistics', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 2])
  const norm = ['bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'].map((name) => b.initializer(name, drawn(2)))
  const normal = b.op('BatchNormalization', [x, ...norm], { epsilon: 1e-5, momentum: 1 })
  const bent = b.op('LeakyRelu', [normal], { alpha: Math.fround(11 / 48) })
  b.output(b.op('MatMul', [bent, b.initializer('head.weight', drawn(2, 2))]), 'y')
  const { warnings } = decided({ graph: b.build() })
  assert.equal(warnings.length, 2, warnings.join('\n'))
  assert.match(warnings.join('\n'), /slope that an RReLU has/)
  assert.match(warnings.join('\n'), /momentum of 1, as exporters write for momentum=None/)
})
