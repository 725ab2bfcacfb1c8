import { usedBy } from '../graph/check.ts'
import type { Graph } from '../graph/graph.ts'
import { neededFor, usedEntries } from '../graph/prune.ts'
import { typesOf } from '../graph/types.ts'

/** A training graph in two runs. */
export interface Partition {
  /** Gives `ends`, and what is kept. */
  readonly forward: Graph
  /** Takes what is kept, and gives the rest. */
  readonly backward: Graph
  readonly kept: readonly string[]
}

/**
 * Parts a graph after what some of its outputs need. Nothing is computed twice, and each part has the very nodes of the
 * whole, so that both give the bits of the whole.
 */
export const partition = (graph: Graph, ends: readonly string[]): Partition => {
  const { types } = typesOf(graph)
  const ahead = neededFor(graph.nodes, ends)
  const first = new Set(ahead)
  const behind = graph.nodes.filter((node) => !first.has(node))
  const made = new Set(ahead.flatMap(({ outputs }) => outputs))
  const kept = [...new Set(behind.flatMap(usedBy))].filter((name) => name !== '' && made.has(name))
  const typed = (names: readonly string[]) => names.flatMap((name) => (types.has(name) ? [[name, types.get(name)!] as const] : []))
  const rest = new Map([...graph.outputs].filter(([name]) => !ends.includes(name) && !made.has(name)))
  const forward = new Map([...[...graph.outputs].filter(([name]) => ends.includes(name)), ...typed(kept)])
  return {
    kept,
    forward: {
      ...graph,
      inputs: usedEntries(graph.inputs, ahead, forward.keys()),
      initializers: usedEntries(graph.initializers, ahead, forward.keys()),
      nodes: ahead,
      outputs: forward,
    },
    backward: {
      ...graph,
      inputs: new Map([...usedEntries(graph.inputs, behind, rest.keys()), ...typed(kept)]),
      initializers: usedEntries(graph.initializers, behind, rest.keys()),
      nodes: behind,
      outputs: rest,
    },
  }
}
