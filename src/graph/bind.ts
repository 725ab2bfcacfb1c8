import { failure } from '../core/errors.ts'
import type { Dim, Graph } from './graph.ts'
import { builderOf } from './rebuild.ts'

/** Names of sides that the graph's inputs leave open. */
export const openSides = (graph: Graph): readonly string[] => [
  ...new Set([...graph.inputs.values()].flatMap(({ shape }) => shape.filter((side) => typeof side === 'string'))),
]

/**
 * The same graph for given lengths of its open sides, with all types inferred anew. Names that are not given stay.
 * @throws ActiveStorageError `invalid-argument` for a name that the inputs do not have, `bad-model` naming the node where
 * the graph does not fit these lengths
 */
export const bind = (graph: Graph, sides: Readonly<Record<string, number>>): Graph => {
  const open = openSides(graph)
  for (const [name, side] of Object.entries(sides)) {
    if (!open.includes(name))
      throw failure('invalid-argument', `the graph has no open side "${name}"; it has ${open.length === 0 ? 'none' : open.join(', ')}`)
    if (!Number.isSafeInteger(side) || side < 0)
      throw failure('invalid-argument', `side "${name}" is given the length ${side}: give a whole number from 0`)
  }
  const bound = (side: Dim): Dim => (typeof side === 'string' && Object.hasOwn(sides, side) ? (sides[side] ?? side) : side)
  return builderOf(graph, { input: (_, { dtype, shape }) => ({ dtype, shape: shape.map(bound) }) }).build()
}
