import type { Tensor } from '../../../src/core/tensor.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { interpret } from '../reference/interpret.ts'
import { fromTensor, item, type Nd } from '../reference/nd.ts'

export type Arrays = ReadonlyMap<string, Nd>
export const arraysOf = (feeds: ReadonlyMap<string, Tensor>): Arrays =>
  new Map([...feeds].map(([name, tensor]) => [name, fromTensor(tensor)]))

export const found = (arrays: Arrays, name: string): Nd => {
  const array = arrays.get(name)
  if (array === undefined) throw new Error(`there is no "${name}"`)
  return array
}

/** The sum of a graph's outputs, each element times that of a cotangent. */
export const lossOf = (graph: Graph, feeds: Arrays, cotangents: Arrays): number => {
  const results = interpret(graph, feeds)
  let sum = 0
  for (const name of graph.outputs.keys()) {
    const cotangent = found(cotangents, name)
    for (const [place, value] of found(results, name).data.entries()) sum += value * item(cotangent.data, place)
  }
  return sum
}

// A power of two, so that x + h - x is h. The error of the rule is of the order h^4, that of rounding 1e-16 / h.
const STEP = 2 ** -10

/** The derivative of a loss by one element, from its values at four places around. */
export const derivative = (graph: Graph, feeds: Arrays, cotangents: Arrays, name: string, place: number): number => {
  const array = found(feeds, name)
  const at = (offset: number): number => {
    const data = Float64Array.from(array.data)
    data[place] = item(data, place) + offset
    return lossOf(graph, new Map([...feeds, [name, { ...array, data }]]), cotangents)
  }
  return (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP)
}
