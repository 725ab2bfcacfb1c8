import { bind, openSides } from '../../../src/graph/bind.ts'
import type { ModelShape } from '../../../src/core/self.ts'
import { cut } from '../../../src/graph/cut.ts'
import { fold } from '../../../src/graph/fold.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { readGraph } from '../../../src/graph/read.ts'
import { typesOf } from '../../../src/graph/types.ts'
import { upgrade } from '../../../src/graph/upgrade.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { planOf } from '../../../src/objects/model/graph-plan.ts'
import { inspectOnnx } from '../../../src/objects/model/onnx-file.ts'
import { readable } from '../../../src/objects/model/readable.ts'
import { checkOpsets, statedTypes } from '../../../src/objects/model/stated.ts'
import { withoutZipMap } from '../../../src/objects/model/zipmap.ts'
import { prepare } from '../../../src/training/prepare.ts'
import { compile } from '../../../src/training/compile.ts'
import { diceFor } from '../dice.ts'
import { blindly, mutated } from './bytes.ts'
import { judge } from './judge.ts'
import { onnxChanges } from './onnx-changes.ts'
import { onnxSeeds } from './onnx-seeds.ts'
import type { Input, Session } from './format.ts'

/** What `put` of a model does before and after onnxruntime has loaded it. */
const put = (bytes: Buffer): void => {
  const { opsets } = inspectOnnx(bytes)
  checkOpsets(opsets)
  const { file } = withoutZipMap(bytes)
  const { inputs, outputs } = statedTypes(file)
  const spec = (each: (typeof inputs)[number]) => ({ name: each.name, dtype: 'float32', shape: each.shape ?? [], ...(each.shape === undefined && { unranked: true as const }) })
  const shape: ModelShape = { inputs: inputs.map(spec), outputs: outputs.map(spec) }
  planOf(shape, readable(file, {}))
} // prettier-ignore

const shownGraph = ({ nodes, inputs, outputs, initializers, opset }: Graph): string =>
  [opset, nodes.length, [...inputs.keys()].join(), [...outputs.keys()].join(), [...initializers].map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape.join()}`).join(';'), nodes.map(({ op, inputs: given, outputs: made }) => `${op}(${given.join()})${made.join()}`).join(';')].join('|') // prettier-ignore

/** What is done with a graph that was read. Each part may refuse it for reasons of its own. */
const parts: readonly (readonly [name: string, work: (graph: Graph) => void])[] = [
  ['types', (graph) => void typesOf(graph, { partial: true })],
  ['upgrade and fold', (graph) => void fold(upgrade(graph), { inference: true })],
  ['bind', (graph) => { const sides = openSides(graph); if (sides.length > 0) bind(upgrade(graph), Object.fromEntries(sides.map((side) => [side, 3]))) }],
  ['cut', (graph) => { const name = graph.nodes[graph.nodes.length >> 1]?.outputs[0] ?? ''; if (name !== '') cut(upgrade(graph), { outputs: [name] }) }],
  ['training', (graph) => { const [output = ''] = graph.outputs.keys(); const options = { loss: { kind: 'mse', output }, optimizer: { kind: 'sgd' }, trainable: ['*'] } as const; const prepared = prepare(graph, options); compile(prepared, 'gradients', Object.fromEntries(openSides(prepared.graph).map((side) => [side, 2]))) }],
] // prettier-ignore

const readAgain = (file: Uint8Array): Graph | string => {
  try {
    return readGraph(file).graph
  } catch (error) {
    return `what was read and written is not read again: ${String(error)}`
  }
}

export const openOnnx = (): Promise<Session> => {
  const seeds = onnxSeeds()
  return Promise.resolve({
    make: (seed, index): Input => {
      const dice = diceFor(seed, index, 'onnx')
      const { value, names } = mutated(dice.pick(seeds), { dice, own: onnxChanges, blind: blindly, others: seeds })
      return { about: names.join(', '), bytes: value }
    },
    run: ({ bytes }) => {
      /** Whatever refuses a graph that was read does so with an error of ours. */
      const refused = (work: () => void): string | undefined => {
        try {
          work()
          return undefined
        } catch (error) {
          const { kind, says } = judge(error)
          return kind === 'error' ? undefined : says
        }
      }
      const wrong = refused(() => put(bytes))
      if (wrong !== undefined) return Promise.resolve(wrong)
      const { graph, ...rest } = readGraph(bytes)
      const again = readAgain(writeGraph({ ...rest, graph }))
      if (typeof again === 'string') return Promise.resolve(again)
      if (shownGraph(again) !== shownGraph(graph)) return Promise.resolve(`another graph when it was written and read: ${shownGraph(again).slice(0, 300)}\n${shownGraph(graph).slice(0, 300)}`)
      return Promise.resolve(parts.map(([, work]) => refused(() => work(graph))).find((says) => says !== undefined))
    }, // prettier-ignore
    close: () => Promise.resolve(),
  })
}
