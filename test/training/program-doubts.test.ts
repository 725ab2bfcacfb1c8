import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { fold } from '../../src/graph/fold.ts'
import type { Kept } from '../../src/graph/model.ts'
import { upgrade } from '../../src/graph/upgrade.ts'
import { decide } from '../../src/training/roles/decide.ts'

const field = (id: number, bytes: Uint8Array): Uint8Array => {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length % 128) + 128, bytes.length >> 7]
  return Buffer.concat([
    Buffer.from(id * 8 + 2 < 128 ? [id * 8 + 2] : [((id * 8 + 2) % 128) + 128, (id * 8 + 2) >> 7]),
    Buffer.from(length),
    bytes,
  ])
}
const text = (id: number, value: string) => field(id, Buffer.from(value))
const prop = (id: number, key: string, value: string) => field(id, Buffer.concat([text(1, key), text(2, value)]))

/**
 * y = x a b, with what PyTorch's default exporter writes beside it.
 * @param calls what the traced program's call behind each product takes. @param modules in which the two products are
 */
const program = ({ calls = ['%x', '%linear'], modules = ['0', '1'], shared = false, lines = [] as readonly string[] }) => {
  const b = new GraphBuilder()
  const weights = ['0.weight', '1.weight'].map((name, k) =>
    b.initializer(
      name,
      new Tensor(
        'float32',
        Float32Array.from({ length: 9 }, (_, i) => Math.sin(i * i + k)),
        [3, 3],
      ),
    ),
  )
  let at = b.input('x', 'float32', ['N', 3])
  for (const weight of weights) at = b.op('MatMul', [at, weight])
  b.output(at, 'y')
  const graph = b.build()
  const signature = ["p_0_weight: PARAMETER target='0.weight'", "p_1_weight: PARAMETER target='1.weight'", ...lines].join('\n')
  const notes = (k: number) => [
    prop(9, 'pkg.torch.onnx.fx_node', `%linear${k === 0 ? '' : '_1'} : [num_users=1] = call_function[target=torch.ops.aten.linear.default](args = (${calls[k]}, %p_${k}_weight), kwargs = {})`), // prettier-ignore
    prop(9, 'pkg.torch.onnx.name_scopes', `['', '${modules[k]}', 'linear']`),
  ]
  const kept: Kept = {
    model: [text(2, 'pytorch')],
    graph: [prop(16, 'pkg.torch.export.ExportedProgram.graph_signature', signature)],
    nodes: new Map(graph.nodes.map(({ name }, k) => [name, notes(k)])),
    values: new Map(),
    overridable: [],
  }
  const tensors = { '0.weight': { kind: 'parameter', ...(shared && { shared: ['head.weight'] }) }, '1.weight': { kind: 'parameter' } }
  const metadata = new Map(shared ? [['active_storage.tensors', JSON.stringify({ version: 1, tensors })]] : [])
  return decide({ graph, kept, metadata }, fold(upgrade(graph)))
}

test('a plain chain has no warning, and notes say what the file cannot say', () => {
  const { warnings, notes } = program({})
  assert.deepEqual(warnings, [])
  assert.match(notes.join('\n'), /no Dropout: one that was exported for inference leaves no trace/)
  assert.match(notes.join('\n'), /requires_grad=False.*detach/)
})

test('a number that is missing among the modules is named: a Dropout may have been there', () => {
  // "1" has a weight: it is no Dropout, and what became of it is told elsewhere.
  const modules = ['0', '3']
  assert.match(program({ modules }).warnings.join('\n'), /the modules "2" left no node/)
  const lines = ["b_2_running_mean: BUFFER target='2.running_mean'"]
  assert.doesNotMatch(program({ modules, lines }).warnings.join('\n'), /left no node/)
})

test('a copy that a product takes may have been a Dropout; one that a view takes makes elements contiguous', () => {
  assert.match(program({ calls: ['%x', '%clone'] }).warnings.join('\n'), /a copy of the traced program left no node/)
})

test('gradients that are cut off have a warning', () => {
  assert.match(program({ calls: ['%x', '%detach'] }).warnings.join('\n'), /cuts off gradients at a place \(detach\)/)
})

test('a parameter that the list of active_storage_export.py names as tied is not missing', () => {
  const lines = ["p_head_weight: PARAMETER target='head.weight'"]
  assert.match(program({ lines }).warnings.join('\n'), /"head\.weight" are not in the file/)
  assert.deepEqual(program({ lines, shared: true }).warnings, [])
})
