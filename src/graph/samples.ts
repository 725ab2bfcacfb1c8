import type { Dim, Graph, Node } from './graph.ts'
import type { GraphTypes } from './types.ts'
import { type Flow, isLost } from './samples/flow.ts'
import { flowRules } from './samples/rules.ts'

export type { Flow, Lost } from './samples/flow.ts'
export { isLost } from './samples/flow.ts'

/**
 * Follows the samples of a batch through a graph, from the axes of the inputs that count them.
 * @param axes the axis of each input that holds samples; an input without one is the same for all samples
 * @param size samples in the batch, 2 or more: what the sides of those axes are
 * @param known the types of all tensors for this size, as `typesOf` infers them
 * @returns where the samples are in each tensor: an axis, `none`, or at which node they are mixed or can no longer be followed
 */
export const followSamples = (
  graph: Graph,
  axes: ReadonlyMap<string, number>,
  size: number,
  { types, elements }: GraphTypes,
): ReadonlyMap<string, Flow> => {
  const flows = new Map<string, Flow>([...graph.inputs.keys()].map((name) => [name, axes.get(name) ?? 'none']))
  const shapeOf = (name: string): readonly Dim[] | undefined => (name === '' ? undefined : types.get(name)?.shape)
  const numbersOf = (name: string): readonly number[] | undefined => {
    const held = graph.initializers.get(name)?.data
    const values: readonly unknown[] | undefined =
      held === undefined || held.length > 64 ? elements.get(name)?.values : Array.from(held, Number)
    const numbers = values?.filter((value) => typeof value === 'number')
    return numbers?.length === values?.length ? numbers : undefined
  }
  const ofNode = (node: Node): readonly Flow[] => {
    const inputs = node.inputs.map((name): Flow => flows.get(name) ?? 'none')
    const before = inputs.find((flow) => isLost(flow) && flow.mixed) ?? inputs.find(isLost)
    if (before !== undefined) return node.outputs.map(() => before)
    const nested = Object.values(node.attributes).some(({ type }) => type === 'graph')
    if (!nested && inputs.every((flow) => flow === 'none')) return node.outputs.map(() => 'none')
    const rule = nested || !Object.hasOwn(flowRules, node.op) ? undefined : flowRules[node.op]
    const unknown = { node: node.name, op: node.op, mixed: false }
    const untyped = [...node.inputs.filter((name) => typeof flows.get(name) === 'number'), ...node.outputs].some(
      (name) => name !== '' && !types.has(name),
    )
    if (rule === undefined || untyped) return node.outputs.map(() => unknown)
    return rule({
      node,
      size,
      flows: inputs,
      inputs: node.inputs.map(shapeOf),
      outputs: node.outputs.map(shapeOf),
      numbers: (i) => numbersOf(node.inputs[i] ?? ''),
    })
  }
  for (const node of graph.nodes) for (const [i, flow] of ofNode(node).entries()) flows.set(node.outputs[i] ?? '', flow)
  return flows
}
