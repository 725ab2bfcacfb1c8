import { createHash } from 'node:crypto'
import { bytesOf, type Tensor } from '../core/tensor.ts'
import type { Attribute, Graph, Node } from './graph.ts'

/** What gives other values each time, or only looks the same. */
const drawn = (node: Node): boolean =>
  node.op.startsWith('Random') ||
  node.op === 'Bernoulli' ||
  node.op === 'Multinomial' ||
  (node.op === 'Dropout' && (node.inputs[2] ?? '') !== '')

const tensorKey = (tensor: Tensor): string => {
  const hash = createHash('sha256')
  if (tensor.dtype === 'string') hash.update(JSON.stringify(tensor.data))
  else hash.update(bytesOf(tensor))
  return `${tensor.dtype}[${tensor.shape.join()}]${hash.digest('base64')}`
}

const attributeKey = ([name, attribute]: readonly [string, Attribute]): string | undefined => {
  if (attribute.type === 'graph') return undefined
  return JSON.stringify([name, attribute.type, attribute.type === 'tensor' ? tensorKey(attribute.value) : floatKey(attribute.value)])
}
// JSON has neither -0 nor NaN nor infinities.
const floatKey = (value: unknown): unknown =>
  typeof value === 'number' ? (Object.is(value, -0) ? '-0' : String(value)) : Array.isArray(value) ? value.map(floatKey) : value

const keyOf = (node: Node, inputs: readonly string[]): string | undefined => {
  if (drawn(node)) return undefined
  const attributes = Object.entries(node.attributes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(attributeKey)
  if (attributes.includes(undefined)) return undefined
  return JSON.stringify([node.op, inputs, node.outputs.map((name) => name !== ''), attributes])
}

/**
 * The graph with each sub-expression computed once: nodes of one operator with equal inputs and attributes become one.
 * Tensors that the graph gives keep their names, and what draws random numbers is never shared.
 */
export const share = (graph: Graph): Graph => {
  // A graph in an attribute names tensors of this one, which then must stay; `upgrade` leaves none.
  if (graph.nodes.some((node) => Object.values(node.attributes).some(({ type }) => type === 'graph'))) return graph
  const same = new Map<string, string>()
  const known = new Map<string, Node>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => same.get(name) ?? name)
    const key = keyOf(node, inputs)
    const other = key === undefined ? undefined : known.get(key)
    if (other !== undefined && !node.outputs.some((name) => graph.outputs.has(name))) {
      for (const [i, output] of node.outputs.entries()) same.set(output, other.outputs[i] ?? '')
      continue
    }
    const kept = { ...node, inputs }
    nodes.push(kept)
    if (key !== undefined && other === undefined) known.set(key, kept)
  }
  return { ...graph, nodes }
}
