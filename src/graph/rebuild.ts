import { GraphBuilder } from './builder.ts'
import type { Graph, Node, ValueType } from './graph.ts'

export interface Rebuild {
  readonly opset?: number
  /** The type of an input, where it is to be another. */
  readonly input?: (name: string, type: ValueType) => ValueType
  /** Adds a node, or what takes its place, under the same names of outputs. Default: the node as it is. */
  readonly node?: (node: Node, builder: GraphBuilder) => void
}

/** A builder that holds a graph already: to go on building, or to have all its types inferred anew. */
export const builderOf = (graph: Graph, { opset = graph.opset, input = (_, type) => type, node: add }: Rebuild = {}): GraphBuilder => {
  const builder = new GraphBuilder({ name: graph.name, opset })
  builder.reserve(graph.inputs.keys())
  builder.reserve(graph.initializers.keys())
  for (const { name, outputs } of graph.nodes) builder.reserve([name, ...outputs])
  for (const [name, type] of graph.inputs) {
    const { dtype, shape } = input(name, type)
    builder.input(name, dtype, shape)
  }
  for (const [name, tensor] of graph.initializers) builder.initializer(name, tensor)
  for (const node of graph.nodes) {
    if (add === undefined) builder.node(node)
    else add(node, builder)
  }
  for (const name of graph.outputs.keys()) builder.output(builder.value(name))
  return builder
}
