import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import type { Graph } from '../../src/graph/graph.ts'
import { readGraph } from '../../src/graph/read.ts'
import { compile } from '../../src/training/compile.ts'
import { scalarsOf } from '../../src/training/optimizer.ts'
import { prepare, sidesOf } from '../../src/training/prepare.ts'
import { Runner } from '../../src/training/runner.ts'
import { smallModels } from './models.ts'

type Settings = ort.InferenceSession.SessionOptions
/** onnxruntime, as far as a runner uses it, telling with which settings a graph is loaded. */
const noting = (note: (graph: Graph, settings: Settings) => void): typeof ort => ({
  ...ort,
  InferenceSession: {
    create: (file: Uint8Array, settings: Settings) => {
      note(readGraph(file).graph, settings)
      return ort.InferenceSession.create(file, settings)
    },
  } as typeof ort.InferenceSession,
})
/** What is computed again must not be joined with what was, and threads spin in neither case. */
const checkSettings = (graph: Graph, { extra }: Settings): void => {
  const again = graph.nodes.some(({ name }) => name.endsWith('/again'))
  const joined = { optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination' } }
  assert.deepEqual(extra, { session: { intra_op: { allow_spinning: '0' } }, ...(again && joined) })
}

const optimizer = { kind: 'adamw' } as const
for (const model of smallModels) {
  const preparedWith = (activationBytes?: number) =>
    prepare(model.graph, { loss: model.loss, optimizer, clipNorm: 5, ...(activationBytes !== undefined && { activationBytes }) })
  const keptWith = (bytes: number) => {
    const prepared = preparedWith(bytes)
    const { activations, graph } = compile(prepared, 'gradients', sidesOf(prepared, model.batch(0, 8)))
    assert.ok(activations)
    assert.equal(
      graph.nodes.some(({ name }) => name.endsWith('/again')),
      activations.again > 0,
    )
    return activations
  }
  const least = () => {
    try {
      return keptWith(0).kept
    } catch (error) {
      return Number(/take (\d+) bytes/.exec(String(error))?.[1])
    }
  }

  test(`${model.name}: with fewer activations kept, a training keeps its bits`, async (t) => {
    const all = keptWith(2 ** 40)
    assert.equal(all.kept, all.whole)
    assert.equal(all.again, 0)
    const few = least()
    assert.ok(few <= all.whole)
    const budget = Math.floor((few + all.whole) / 2)
    const some = keptWith(budget)
    assert.ok(some.kept <= budget, `${some.kept} bytes are kept of ${budget}`)
    t.diagnostic(`kept ${all.whole} bytes, within ${budget}: ${some.kept}, at the least ${few}`)
    const run = async (bytes?: number) => {
      const runner = new Runner(noting(checkSettings), preparedWith(bytes), { threads: 2, seed: 5 })
      const losses: number[] = []
      for (let step = 1; step <= 4; step++)
        losses.push((await runner.step(model.batch(step, 8), scalarsOf(optimizer, step, 0.01), step)).loss)
      const state = new Map([...runner.state()].map(([name, { data }]) => [name, data.slice()]))
      await runner.close()
      return { losses, state }
    }
    const wanted = await run()
    for (const bytes of [budget, few]) assert.deepEqual(await run(bytes), wanted)
  })

  test(`${model.name}: a budget that cannot be kept is refused, with the least that can`, () => {
    const few = least()
    if (few > 0)
      assert.throws(() => keptWith(few - 1), { code: 'too-large', message: new RegExp(`take ${few} bytes.*activationBytes is ${few - 1}`) })
    assert.equal(keptWith(few).kept, few)
  })
}
