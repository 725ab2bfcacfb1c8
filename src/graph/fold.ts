import type { Tensor } from '../core/tensor.ts'
import type { Graph, Node } from './graph.ts'
import { tensorOfElements } from './infer/elements.ts'
import { constantOf } from './infer/sources.ts'
import { prune } from './prune.ts'
import { typesOf } from './types.ts'

export interface FoldOptions {
  /** Whether Dropout goes too: what it does outside of training. Default false. */
  readonly inference?: boolean
}

/** Whether a node hands on its first input as it is. */
const passes = (node: Node, inference: boolean): boolean =>
  node.op === 'Identity' || (inference && node.op === 'Dropout' && (node.outputs[1] ?? '') === '')

/**
 * The graph with what is known before it runs computed: small tensors that shapes are made of, and Constant nodes, become
 * initializers; Identity goes. Weights stay as they are: nothing that a float32 kernel computes is folded, since its bits
 * are that kernel's.
 */
export const fold = (graph: Graph, { inference = false }: FoldOptions = {}): Graph => {
  const { elements, types } = typesOf(graph)
  const initializers = new Map(graph.initializers)
  const same = new Map<string, string>()
  const known = (node: Node, output: string): Tensor | undefined => {
    if (node.op === 'Constant') return constantOf(node)
    const found = elements.get(output)
    const whole = ['int64', 'int32', 'bool'].includes(types.get(output)?.dtype ?? '')
    return found !== undefined && whole ? tensorOfElements(found) : undefined
  }
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    const [input = ''] = node.inputs
    const [output = ''] = node.outputs
    const given = node.outputs.some((name) => graph.outputs.has(name))
    const tensors = node.outputs.map((name) => (name === '' ? undefined : known(node, name)))
    if (!given && tensors.every((tensor) => tensor !== undefined)) {
      for (const [i, name] of node.outputs.entries()) {
        const tensor = tensors[i]
        if (tensor !== undefined) initializers.set(name, tensor)
      }
    } else if (!given && passes(node, inference)) same.set(output, same.get(input) ?? input)
    else nodes.push({ ...node, inputs: node.inputs.map((name) => same.get(name) ?? name) })
  }
  return prune({ ...graph, initializers, nodes })
}
