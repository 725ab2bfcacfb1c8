import type { Graph } from '../../../src/graph/graph.ts'
import { binary } from './binary.ts'
import { Call, type Family } from './call.ts'
import { convolution } from './conv.ts'
import { cutting } from './cutting.ts'
import { indexing } from './indexing.ts'
import { linear } from './linear.ts'
import { losses } from './loss.ts'
import { making } from './making.ts'
import { movement } from './movement.ts'
import { fromTensor, type Nd } from './nd.ts'
import { normalization } from './norm.ts'
import { pooling } from './pool.ts'
import { recurrence } from './recurrent.ts'
import { reduction } from './reduce.ts'
import { unary } from './unary.ts'

/** Every operator that the reference knows. */
export const operators: Family = {
  ...unary,
  ...binary,
  ...reduction,
  ...movement,
  ...cutting,
  ...indexing,
  ...making,
  ...linear,
  ...convolution,
  ...pooling,
  ...normalization,
  ...losses,
  ...recurrence,
}

/**
 * Computes a graph in float64, written from ONNX's specification of its operators alone: slow, plain, and independent of
 * what it is compared with. Operators are those of opset 13 and later; where they differ little, all of these are taken.
 * @returns every tensor of the graph by its name
 */
export const interpret = (graph: Graph, feeds: ReadonlyMap<string, Nd>): Map<string, Nd> => {
  const known = new Map<string, Nd>(feeds)
  for (const [name, tensor] of graph.initializers) if (!known.has(name)) known.set(name, fromTensor(tensor))
  for (const node of graph.nodes) {
    const op = operators[node.op]
    if (op === undefined) throw new Error(`node ${node.name}: the reference does not know ${node.op}`)
    const inputs = node.inputs.map((name) => {
      if (name === '') return undefined
      const found = known.get(name)
      if (found === undefined) throw new Error(`node ${node.name} (${node.op}): nothing makes its input "${name}"`)
      return found
    })
    const outputs = op(new Call(node, graph.opset, inputs))
    for (const [index, name] of node.outputs.entries()) {
      const output = outputs[index]
      if (name === '') continue
      if (output === undefined) throw new Error(`node ${node.name} (${node.op}): the reference gives no output ${index}`)
      known.set(name, output)
    }
  }
  return known
}
