import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gcn, gcnSampled, graphSage } from '../../examples/training/models/graph-network.ts'
import { mlp } from '../../examples/training/models/mlp.ts'
import { forecaster, sequenceClassifier } from '../../examples/training/models/recurrent.ts'
import { resNet } from '../../examples/training/models/resnet.ts'
import { transformer } from '../../examples/training/models/transformer.ts'
import type { DType } from '../../src/core/dtype.ts'
import { opDraws } from '../../src/core/random.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { bind, openSides } from '../../src/graph/bind.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { bitsOf, runModel } from '../graph/run.ts'

const drawnTensor = (name: string, dtype: DType, shape: readonly number[], below: number): Tensor => {
  const draws = opDraws(1, 0, name, 0)
  const length = shape.reduce((product, side) => product * side, 1)
  if (dtype === 'int64') return new Tensor(dtype, BigInt64Array.from({ length }, () => BigInt(draws.below(below))), shape) // prettier-ignore
  if (dtype === 'int32') return new Tensor(dtype, Int32Array.from({ length }, () => 1 + draws.below(below)), shape) // prettier-ignore
  return new Tensor('float32', Float32Array.from({ length }, () => draws.uniform()), shape) // prettier-ignore
}

const models: Readonly<Record<string, readonly [Graph, output: string, shape: readonly number[]]>> = {
  'ResNet-8': [resNet({ depth: 8 }), 'logits', [2, 10]],
  'ResNet-14': [resNet({ depth: 14, classes: 5 }), 'logits', [2, 5]],
  'ResNet-18': [resNet({ depth: 18 }), 'logits', [2, 10]],
  MLP: [mlp({ features: 7, hidden: [9, 8], outputs: 3, dropout: 0.5 }), 'logits', [2, 3]],
  'LSTM classifier': [
    sequenceClassifier({ cell: 'LSTM', classes: 3, features: 6, hidden: 5, layers: 2, bidirectional: true, lengths: true }),
    'logits',
    [2, 3],
  ],
  'GRU classifier of tokens': [sequenceClassifier({ cell: 'GRU', classes: 3, features: 6, vocabulary: 11, hidden: 5 }), 'logits', [2, 3]],
  'LSTM forecaster': [forecaster({ cell: 'LSTM', features: 4, horizon: 3, targets: 2 }), 'forecast', [2, 3, 2]],
  'GRU forecaster': [forecaster({ cell: 'GRU', features: 4, layers: 2 }), 'forecast', [2, 1, 4]],
  GCN: [gcn({ features: 6, classes: 4, nodes: 9, dropout: 0.5 }), 'logits', [9, 4]],
  'GCN of sampled neighbours': [gcnSampled({ features: 6, classes: 4, batch: 2, fanouts: [3, 2] }), 'logits', [2, 4]],
  GraphSAGE: [graphSage({ features: 6, classes: 4, batch: 2, fanouts: [3, 2] }), 'logits', [2, 4]],
  'transformer encoder': [transformer({ vocabulary: 11, classes: 2, steps: 5, width: 8, heads: 2 }), 'logits', [2, 2]],
}

for (const [name, [graph, output, shape]] of Object.entries(models)) {
  test(`${name} runs in onnxruntime and gives ${output} [${shape.join(', ')}], as inferred`, async () => {
    const bound = bind(graph, Object.fromEntries(openSides(graph).map((side) => [side, side === 'N' ? 2 : 5])))
    const feeds = new Map([...bound.inputs].map(([input, type]) => [input, drawnTensor(input, type.dtype, type.shape.map(Number), 5)]))
    const given = (await runModel(writeGraph({ graph: bound }), feeds)).get(output)
    assert.deepEqual(given?.shape, shape)
    assert.deepEqual(bound.outputs.get(output)?.shape, shape)
    assert.ok(
      [...(given?.data ?? [])].every((value) => Number.isFinite(value)),
      'all are numbers',
    )
    assert.ok(new Set([...(given?.data ?? [])]).size > 1, 'not all are one number')
    // The open graph is the same model.
    const open = (await runModel(writeGraph({ graph }), feeds)).get(output)
    assert.equal(bitsOf(open), bitsOf(given))
  })
}

// A cell as PyTorch's documentation writes it, over one sequence in one direction.
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))
const lastState = (cell: 'LSTM' | 'GRU', graph: Graph, x: readonly (readonly number[])[], hidden: number): readonly number[] => {
  const rows = (name: string) => [...(graph.initializers.get(`rnn.${name}_l0`)?.data ?? [])].map(Number)
  const [wi, wh, bi, bh] = [rows('weight_ih'), rows('weight_hh'), rows('bias_ih'), rows('bias_hh')]
  let h = Array.from({ length: hidden }, () => 0)
  let c = h
  const product = (weights: readonly number[], bias: readonly number[], of: readonly number[], row: number) =>
    of.reduce((sum, value, i) => sum + value * (weights[row * of.length + i] ?? 0), bias[row] ?? 0)
  for (const step of x) {
    const [before, cells] = [h, c]
    const gate = (g: number, j: number) => product(wi, bi, step, g * hidden + j) + product(wh, bh, before, g * hidden + j)
    if (cell === 'LSTM') {
      c = cells.map((value, j) => sigmoid(gate(1, j)) * value + sigmoid(gate(0, j)) * Math.tanh(gate(2, j)))
      h = c.map((value, j) => sigmoid(gate(3, j)) * Math.tanh(value))
    } else {
      const fresh = (j: number) =>
        Math.tanh(product(wi, bi, step, 2 * hidden + j) + sigmoid(gate(0, j)) * product(wh, bh, before, 2 * hidden + j))
      h = before.map((value, j) => (1 - sigmoid(gate(1, j))) * fresh(j) + sigmoid(gate(1, j)) * value)
    }
  }
  return h
}

for (const cell of ['LSTM', 'GRU'] as const) {
  test(`weights of ${cell} stand in PyTorch's order of gates`, async () => {
    const graph = forecaster({ cell, features: 3, hidden: 4, batch: 1, steps: 5 })
    const x = drawnTensor('x', 'float32', [1, 5, 3], 2)
    const steps = Array.from({ length: 5 }, (_, t) => [0, 1, 2].map((f) => Number(x.data[3 * t + f])))
    const h = lastState(cell, graph, steps, 4)
    const [w, bias] = ['fc.weight', 'fc.bias'].map((name) => [...(graph.initializers.get(name)?.data ?? [])].map(Number))
    const given = (await runModel(writeGraph({ graph }), new Map([['x', x]]))).get('forecast')
    for (let i = 0; i < 3; i++) {
      const expected = h.reduce((sum, value, j) => sum + value * (w?.[4 * i + j] ?? 0), bias?.[i] ?? 0)
      assert.ok(Math.abs(Number(given?.data[i]) - expected) < 1e-5, `${Number(given?.data[i])} is not ${expected}`)
    }
  })
}

test('a seed gives the same weights each time, and another seed others, in the bounds of PyTorch', () => {
  const weights = (seed: number) => mlp({ features: 16, outputs: 3, seed }).initializers.get('0.weight')
  assert.equal(bitsOf(weights(3)), bitsOf(weights(3)))
  assert.notEqual(bitsOf(weights(3)), bitsOf(weights(4)))
  const values = [...(weights(3)?.data ?? [])].map(Number)
  assert.ok(values.every((value) => Math.abs(value) <= 0.25) && Math.max(...values) > 0.24 && Math.min(...values) < -0.24)
})

test('weights have the names and shapes of PyTorch', () => {
  const shapes = (graph: Graph) => Object.fromEntries([...graph.initializers].filter(([name]) => !name.startsWith('constant')).map(([name, { shape }]) => [name, shape.join()])) // prettier-ignore
  const resnet = shapes(resNet({ depth: 18 }))
  assert.equal(Object.keys(resnet).length, 102)
  assert.deepEqual(
    [resnet['layer2.0.downsample.0.weight'], resnet['layer4.1.bn2.running_var'], resnet['fc.weight']],
    ['128,64,1,1', '512', '10,512'],
  )
  const lstm = shapes(sequenceClassifier({ cell: 'LSTM', classes: 3, features: 6, hidden: 5, bidirectional: true }))
  assert.deepEqual([lstm['rnn.weight_ih_l0'], lstm['rnn.weight_hh_l0_reverse'], lstm['rnn.bias_hh_l0']], ['20,6', '20,5', '20'])
  assert.equal(shapes(transformer({ vocabulary: 11, classes: 2, width: 8, heads: 2 }))['encoder.layers.0.self_attn.in_proj_weight'], '24,8')
})
