import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { gradientGraph } from '../../src/training/gradient.ts'
import { recomputing } from '../../src/training/recompute.ts'
import { float32 } from './gradcheck/case.ts'
import { runInOrt } from './gradcheck/ort.ts'

const wave = (sides: readonly number[]) =>
  float32(Array.from({ length: sides.reduce((n, side) => n * side, 1) }, (_, i) => Math.sin(1.7 * i)), sides) // prettier-ignore

const chain = () => {
  const b = new GraphBuilder()
  const feeds = new Map(['x', 'w0', 'w1', 'w2'].map((name) => [name, wave(name === 'x' ? [4, 8] : [8, 8])] as const)) // prettier-ignore
  const [x, ...weights] = [...feeds].map(([name, { dtype, shape }]) => b.input(name, dtype, shape))
  let y = x
  for (const w of weights) y = b.op('Sigmoid', [b.op('Tanh', [b.op('MatMul', [y, w])])])
  b.output(b.op('ReduceSum', [y], { keepdims: 0 }, { outputs: ['loss'] }))
  const forward = new Set(b.build().nodes.map(({ name }) => name))
  for (const [name, gradient] of gradientGraph(b, { loss: 'loss', of: ['w0', 'w1', 'w2'] })) b.output(gradient, `gradient/${name}`)
  return { graph: b.build(), forward, feeds }
}

test('with room for all, nothing is computed again', () => {
  const { graph, forward } = chain()
  const found = recomputing(graph, { forward, keepBytes: 1e6 })
  assert.deepEqual(found.again, [])
  assert.equal(found.kept, found.before)
  assert.deepEqual(found.graph.nodes, graph.nodes)
})

test('with less room, cheap results are computed again, and the gradients keep their bits', async () => {
  const { graph, forward, feeds } = chain()
  // Tanh and Sigmoid of three layers, 128 bytes each.
  const { before } = recomputing(graph, { forward, keepBytes: 1e6 })
  assert.equal(before, 768)
  const [wanted] = await runInOrt(graph, feeds, [1])
  for (const keepBytes of [700, 400, 0]) {
    const found = recomputing(graph, { forward, keepBytes })
    assert.ok(found.kept <= Math.max(keepBytes, 384), `${found.kept} bytes are kept of ${keepBytes}`)
    assert.ok(found.again.length > 0)
    const [results] = await runInOrt(found.graph, feeds, [1])
    for (const name of graph.outputs.keys()) assert.deepEqual(results?.get(name)?.data, wanted?.get(name)?.data)
  }
})

test('each copy waits for the way back: none can run before a gradient is there, nor is folded', () => {
  const { graph, forward } = chain()
  const found = recomputing(graph, { forward, keepBytes: 0 })
  const made = new Map(found.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)))
  const behind = new Set(graph.nodes.filter(({ name }) => !forward.has(name)).flatMap(({ outputs }) => outputs)) // prettier-ignore
  const waits = (name: string): boolean => behind.has(name) || (made.get(name)?.inputs.some(waits) ?? false)
  const again = found.graph.nodes.filter(({ name }) => name.endsWith('/again')) // prettier-ignore
  assert.ok(again.length > 0)
  assert.ok(again.every(({ inputs }) => inputs.some(waits)))
  const seen = new Set([...found.graph.inputs.keys(), ...found.graph.initializers.keys()])
  for (const { inputs, outputs } of found.graph.nodes) {
    assert.ok(inputs.every((name) => name === '' || seen.has(name)))
    for (const output of outputs) seen.add(output)
  }
  assert.ok(found.graph.nodes.every(({ op }) => op !== 'Shape'))
})
