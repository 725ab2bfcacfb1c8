import type { GraphBuilder, Value } from '../graph/builder.ts'
import { attributeOf } from '../graph/attributes.ts'
import type { Graph, Node } from '../graph/graph.ts'
import { builderOf } from '../graph/rebuild.ts'
import { Emit } from './emit.ts'
import { einsumLowered } from './rules/einsum.ts'
import { shapeOf, sizeOf } from './rules/rule.ts'
import { rowNumbers } from './rules/scatter.ts'

/** Outputs that gradients are made of, and that a forward graph seldom names: how many each operator gives at the most. */
const GIVEN: Readonly<Record<string, number>> = { MaxPool: 2, LayerNormalization: 3, LSTM: 1, GRU: 1 }

/** Puts the nodes of an operator in other words, and returns what is its one output. */
type Lowering = (e: Emit, node: Node, inputs: readonly Value[]) => Value | undefined

/** ScatterND that adds races between threads; adding rows one after the other does not. */
const scatterND: Lowering = (e, node, [data, indices, updates]) => {
  const reduction = attributeOf(node, 'reduction', 'string') ?? 'none'
  if (reduction === 'none' || data === undefined || indices === undefined || updates === undefined) return undefined
  const sides = shapeOf(data)
  const depth = shapeOf(indices).at(-1) ?? 0
  const [places, width] = [sizeOf(sides.slice(0, depth)), sizeOf(sides.slice(depth))]
  const at = rowNumbers(e, indices, sides)
  const [count = 0] = shapeOf(at)
  const spread = e.expand(e.reshape(at, [count, 1]), [count, width])
  const rows = [e.reshape(data, [places, width]), spread, e.reshape(updates, [count, width])]
  return e.reshape(e.op('ScatterElements', rows, { axis: 0, reduction }), sides)
}

const lowerings: Readonly<Record<string, Lowering>> = { Einsum: einsumLowered, ScatterND: scatterND }

/**
 * A graph of the same results that training can run: of kernels that give the same bits at any number of threads, and
 * with the outputs that gradients need. `of` names what is trained; what does not move with it gets no outputs more.
 * Names of tensors stay. All shapes have to be known.
 */
export const lowered = (graph: Graph, of: readonly string[]): Graph => {
  const moved = new Set(of)
  const node = (given: Node, b: GraphBuilder): void => {
    const moves = given.inputs.some((name) => moved.has(name))
    if (moves) for (const output of given.outputs) if (output !== '') moved.add(output)
    const lowering = Object.hasOwn(lowerings, given.op) ? lowerings[given.op] : undefined
    const made = lowering?.(new Emit({ b, node: given }), given, given.inputs.map((name) => b.value(name))) // prettier-ignore
    if (made === undefined) b.node(moves ? givingMore(b, given) : given)
    else b.node({ op: 'Identity', name: given.name, inputs: [made.name], outputs: given.outputs, attributes: {} })
  }
  return builderOf(graph, { node }).build()
}

const givingMore = (b: GraphBuilder, node: Node): Node => {
  const least = Object.hasOwn(GIVEN, node.op) ? (GIVEN[node.op] ?? 0) : 0
  const outputs = Array.from({ length: Math.max(least, node.outputs.length) }, (_, i) => {
    const output = node.outputs[i] ?? ''
    return output === '' && i < least ? b.fresh(`${node.name}/output${i}`) : output
  })
  return { ...node, outputs }
}
