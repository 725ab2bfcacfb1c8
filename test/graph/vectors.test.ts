import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isActiveStorageError } from '../../src/core/errors.ts'
import type { Tensor } from '../../src/core/tensor.ts'
import type { Graph } from '../../src/graph/graph.ts'
import { readGraph } from '../../src/graph/read.ts'
import { upgrade } from '../../src/graph/upgrade.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { bitsOf, difference, runModel } from './run.ts'
import { vectors, vectorsAbsent, type Vector } from './vectors.ts'

/** Vectors that onnxruntime itself does not give: it has no such kernel, or another opinion. */
const runtime = /no implementation|Could not find an implementation|Batchwise recurrent operations|construct locale/
const others: Readonly<Record<string, string>> = {
  test_cast_FLOAT_to_STRING: 'onnxruntime writes fewer digits',
  test_castlike_FLOAT_to_STRING: 'onnxruntime writes fewer digits',
  test_castlike_FLOAT_to_STRING_expanded: 'onnxruntime writes fewer digits',
  test_maxunpool_export_with_output_shape: 'onnxruntime puts an element elsewhere',
  test_resize_downsample_scales_cubic_align_corners: 'a scale that does not divide its side is read in two ways',
  test_resize_downsample_scales_linear_align_corners: 'a scale that does not divide its side is read in two ways',
}
/** What draws numbers: each time others, and no generator is prescribed. */
const random = /bernoulli|random|training_dropout(_default)?(_mask)?$/

const feedsOf = (graph: Graph, inputs: readonly Tensor[]): Map<string, Tensor> =>
  new Map([...graph.inputs.keys()].flatMap((name, i): [string, Tensor][] => { const tensor = inputs[i]; return tensor ? [[name, tensor]] : [] })) // prettier-ignore

/** The graph with its small inputs of whole numbers held as constants, so that what depends on them can be inferred. */
const held = (graph: Graph, feeds: ReadonlyMap<string, Tensor>): Graph => {
  const small = [...feeds].filter(
    ([, { dtype, shape }]) => (dtype === 'int64' || dtype === 'int32' || dtype === 'float32') && shape.length <= 1,
  )
  return { ...graph, inputs: new Map([...graph.inputs].filter(([name]) => !small.some(([own]) => own === name))), initializers: new Map([...graph.initializers, ...small]) } // prettier-ignore
}

const upgraded = (graph: Graph): Graph | undefined => {
  try {
    return upgrade(graph)
  } catch (error) {
    if (isActiveStorageError(error, 'unsupported')) return undefined
    throw error
  }
}

/** Reads, writes and runs one model; gives whether it was of operators of ours. */
const passes = async ({ name, file, sets }: Vector, open: string[]): Promise<'refused' | 'runtime' | 'ran' | 'inferred'> => {
  let model
  try {
    model = readGraph(file)
  } catch (error) {
    assert.ok(isActiveStorageError(error, 'unsupported'), `${name}: ${String(error)}`)
    return 'refused'
  }
  let inferred = false
  for (const { inputs, outputs } of sets) {
    const feeds = feedsOf(model.graph, inputs)
    let original
    try {
      original = await runModel(file, feeds)
    } catch (error) {
      assert.match(String(error), runtime, name)
      return 'runtime'
    }
    const written = await runModel(writeGraph(model), feeds)
    for (const [i, [output, tensor]] of [...written].entries()) {
      if (!random.test(name)) assert.equal(bitsOf(tensor), bitsOf(original.get(output)), `${name}: ${output}`)
      const expected = outputs[i]
      if (expected !== undefined && others[name] === undefined && !random.test(name))
        assert.equal(difference(tensor, expected, 1e-2, 1e-3), undefined, `${name}: ${output}`)
    }
    const graph: Graph | undefined = upgraded(held(model.graph, feeds)) ?? upgraded(model.graph)
    if (graph === undefined) continue
    inferred = true
    const used = new Map([...feeds].filter(([input]) => graph.inputs.has(input)))
    const raised = await runModel(writeGraph({ graph }), used)
    for (const [output, { dtype, shape }] of graph.outputs) {
      const tensor = written.get(output)
      assert.ok(tensor && raised.has(output), `${name}: ${output}`)
      assert.equal(dtype, tensor.dtype, name)
      assert.deepEqual(
        shape.map((side, axis) => (typeof side === 'string' ? (tensor.shape[axis] ?? -1) : side)),
        tensor.shape,
        `${name}: ${output}`,
      )
      if (!random.test(name)) assert.equal(difference(raised.get(output) ?? tensor, tensor), undefined, `${name} in opset 20: ${output}`)
      if (shape.some((side) => typeof side === 'string') && model.graph.nodes.length === 1) open.push(`${name} ${output} [${shape.join()}]`)
    }
  }
  return inferred ? 'inferred' : 'ran'
}
for (const [kind, least] of [
  ['node', 650],
  ['simple', 7],
  ['pytorch-converted', 2],
] as const) {
  test(`ONNX's own vectors (${kind}) run as before once read and written, in their opset and in 20, with the types inferred`, async (t) => {
    if (vectorsAbsent !== undefined) return t.skip(vectorsAbsent)
    const counts = { refused: 0, runtime: 0, ran: 0, inferred: 0 }
    const wrong: string[] = []
    const open: string[] = []
    for (const vector of vectors(kind)) {
      try {
        counts[await passes(vector, open)]++
      } catch (error) {
        wrong.push(`${vector.name}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    assert.deepEqual(wrong, [])
    t.diagnostic(JSON.stringify(counts))
    assert.ok(counts.inferred >= least, JSON.stringify(counts))
    // A shape that stays open although all that it depends on is known: the vector's own name for a side, or none.
    assert.deepEqual(open, [])
  })
}
