import { failure } from '../core/errors.ts'
import { usedBy } from './check.ts'
import type { Graph, Node, ValueType } from './graph.ts'

/** Nodes that the tensors need, in order; tensors that are given end the search. */
export const neededFor = (nodes: readonly Node[], outputs: Iterable<string>, given: ReadonlySet<string> = new Set()): readonly Node[] => {
  const wanted = new Set([...outputs].filter((name) => !given.has(name)))
  return nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((output) => wanted.has(output))) return false
      for (const name of usedBy(node)) if (!given.has(name)) wanted.add(name)
      return true
    })
    .toReversed()
}

/** Only the entries that a node or an output uses. */
export const usedEntries = <T>(entries: ReadonlyMap<string, T>, nodes: readonly Node[], outputs: Iterable<string>): Map<string, T> => {
  const used = new Set([...nodes.flatMap(usedBy), ...outputs])
  return new Map([...entries].filter(([name]) => used.has(name)))
}

/**
 * The graph without what its outputs, or those named, do not need; its inputs stay, so that it is called as before.
 * @throws ActiveStorageError `not-found` for an output that it does not have
 */
export const prune = (graph: Graph, names: readonly string[] = [...graph.outputs.keys()]): Graph => {
  const outputs = new Map(
    names.map((name): [string, ValueType] => {
      const type = graph.outputs.get(name)
      if (type === undefined)
        throw failure('not-found', `graph ${graph.name} has no output "${name}"; it has ${[...graph.outputs.keys()].join(', ')}`)
      return [name, type]
    }),
  )
  const nodes = neededFor(graph.nodes, names)
  return { ...graph, nodes, outputs, initializers: usedEntries(graph.initializers, nodes, names) }
}
