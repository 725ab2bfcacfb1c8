import { failure } from '../../core/errors.ts'
import { attributeOf } from '../attributes.ts'
import type { GraphBuilder } from '../builder.ts'
import type { Graph, Node } from '../graph.ts'

/** The nodes of a graph in an attribute under names that are free outside, ending in Identities that give its outputs. */
const inlined = (graph: Graph, node: Node, builder: GraphBuilder): readonly Node[] => {
  const names = new Map<string, string>()
  const own = (name: string): string => {
    const fresh = builder.fresh(`${node.name}/${name}`)
    names.set(name, fresh)
    return fresh
  }
  for (const [name, tensor] of graph.initializers) builder.initializer(own(name), tensor)
  const inside = (name: string): string => names.get(name) ?? name
  const nodes = graph.nodes.map((inner) => ({
    ...inner,
    name: builder.fresh(`${node.name}/${inner.name}`),
    inputs: inner.inputs.map(inside),
    outputs: inner.outputs.map((name) => (name === '' ? '' : own(name))),
  }))
  const results = [...graph.outputs.keys()]
  const ends = node.outputs.flatMap((output, i): readonly Node[] =>
    output === ''
      ? []
      : [
          {
            op: 'Identity',
            name: builder.fresh(`${node.name}/${output}`),
            inputs: [inside(results[i] ?? '')],
            outputs: [output],
            attributes: {},
          },
        ],
  )
  return [...nodes, ...ends]
}

/**
 * What an If does when its condition is known before it runs.
 * @throws ActiveStorageError `unsupported`
 */
export const branchOf = (node: Node, builder: GraphBuilder): readonly Node[] => {
  const [condition] = builder.elementsOf(node.inputs[0] ?? '')?.values ?? []
  if (typeof condition !== 'number')
    throw failure(
      'unsupported',
      `node ${node.name} (If): its condition depends on data, so that what it computes is not one graph: bind the open sides, or export the model without it`,
    )
  const branch = attributeOf(node, condition === 0 ? 'else_branch' : 'then_branch', 'graph')
  if (branch === undefined) throw failure('bad-model', `node ${node.name} (If): it lacks the branch that it takes: export the model again`)
  return inlined(branch, node, builder)
}
