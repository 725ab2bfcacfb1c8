import { failure } from '../core/errors.ts'
import { usedBy } from './check.ts'
import type { Graph, ValueType } from './graph.ts'
import { neededFor, usedEntries } from './prune.ts'
import { typesOf } from './types.ts'

/** Where a part of a graph begins and ends: names of its tensors. */
export interface CutAt {
  /** Default: the graph's own inputs, those that are needed. */
  readonly inputs?: readonly string[]
  /** Default: the graph's own outputs. */
  readonly outputs?: readonly string[]
  readonly name?: string
}

/**
 * The part of a graph between two sets of tensors.
 * @throws ActiveStorageError `not-found` for a tensor that the graph does not have, `invalid-argument` where the part needs
 * an input of the graph that is not among its own
 */
export const cut = (graph: Graph, { inputs, outputs = [...graph.outputs.keys()], name = graph.name }: CutAt): Graph => {
  const { types } = typesOf(graph)
  const typed = (names: readonly string[]): Map<string, ValueType> =>
    new Map(
      names.map((own) => {
        const type = types.get(own)
        if (type === undefined)
          throw failure('not-found', `graph ${graph.name} has no tensor "${own}" to be cut at: use the name of a node's output`)
        return [own, type]
      }),
    )
  const given = typed(inputs ?? [...graph.inputs.keys()])
  const ends = typed(outputs)
  const nodes = neededFor(graph.nodes, outputs, new Set(given.keys()))
  const users = new Map(nodes.flatMap((node) => usedBy(node).map((used) => [used, node] as const)))
  for (const own of graph.inputs.keys()) {
    const user = users.get(own)
    if (user !== undefined && !given.has(own))
      throw failure(
        'invalid-argument',
        `node ${user.name} (${user.op}) still needs the input "${own}" of graph ${graph.name}: name it among the inputs, or cut elsewhere`,
      )
  }
  const initializers = usedEntries(graph.initializers, nodes, outputs)
  for (const own of given.keys()) initializers.delete(own)
  return {
    name,
    opset: graph.opset,
    inputs: inputs === undefined ? usedEntries(given, nodes, outputs) : given,
    initializers,
    nodes,
    outputs: ends,
  }
}
