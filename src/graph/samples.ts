import type { Dim, Graph, Node } from './graph.ts'
import type { GraphTypes } from './types.ts'
import { type Flow, isLost, reshaped } from './samples/flow.ts'
import { flowRules, reshapes } from './samples/rules.ts'

export type { Flow } from './samples/flow.ts'
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
    return rule({ node, size, flows: inputs, inputs: node.inputs.map(shapeOf), outputs: node.outputs.map(shapeOf), numbers: (i) => numbersOf(node.inputs[i] ?? '') }) // prettier-ignore
  }
  // How often samples come again along their axis: 1 unless a reshape has made it of several.
  const outers = new Map<string, number>()
  const placed = (node: Node): readonly (readonly [flow: Flow, outer: number])[] => {
    const lost = (): Flow => ({ node: node.name, op: node.op, mixed: false })
    const carriers = node.inputs.filter((name) => typeof flows.get(name) === 'number')
    const [outer = 1, ...others] = new Set(carriers.map((name) => outers.get(name) ?? 1))
    if (others.length > 0) return node.outputs.map(() => [lost(), 1])
    const [first = ''] = node.inputs
    const [axis, before, after] = [flows.get(first), shapeOf(first), shapeOf(node.outputs[0] ?? '')]
    if (reshapes.has(node.op) && typeof axis === 'number' && carriers.length === 1) {
      const place = before && after && reshaped({ axis, outer }, before, after, size)
      return [place === undefined ? [lost(), 1] : [place.axis, place.outer]]
    }
    const side = carriers[0] === undefined ? undefined : shapeOf(carriers[0])?.[Number(flows.get(carriers[0]))]
    return ofNode(node).map((flow, i) => {
      const kept = typeof flow !== 'number' || outer === 1 || shapeOf(node.outputs[i] ?? '')?.[flow] === side
      return kept ? [flow, outer] : [lost(), 1]
    })
  }
  for (const node of graph.nodes)
    for (const [i, [flow, outer]] of placed(node).entries()) {
      flows.set(node.outputs[i] ?? '', flow)
      outers.set(node.outputs[i] ?? '', outer)
    }
  // An axis along which samples come again does not count them.
  return new Map([...flows].map(([name, flow]) => [name, (outers.get(name) ?? 1) > 1 ? { node: name, op: '', mixed: false } : flow]))
}
