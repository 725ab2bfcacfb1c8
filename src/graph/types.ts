import type { Tensor } from '../core/tensor.ts'
import type { Graph, ValueType } from './graph.ts'
import { inferNode } from './infer.ts'
import type { Elements } from './infer/elements.ts'
import { constantOf } from './infer/sources.ts'

/** What is known of all tensors of a graph. */
export interface GraphTypes {
  readonly types: ReadonlyMap<string, ValueType>
  readonly elements: ReadonlyMap<string, Elements>
}

/**
 * The types of all tensors, inferred from those of the inputs.
 * @throws ActiveStorageError `bad-model`, `unsupported`, naming the node
 */
export const typesOf = ({ opset, inputs, initializers, nodes }: Graph): GraphTypes => {
  const types = new Map<string, ValueType>(inputs)
  const elements = new Map<string, Elements>()
  const constants = new Map<string, Tensor>(initializers)
  for (const [name, { dtype, shape }] of initializers) types.set(name, { dtype, shape })
  const known = {
    opset,
    type: (name: string) => types.get(name),
    constant: (name: string) => constants.get(name),
    elements: (name: string) => elements.get(name),
  }
  for (const node of nodes) {
    const inferred = inferNode(node, known)
    const held = node.op === 'Constant' ? constantOf(node) : undefined
    for (const [i, output] of node.outputs.entries()) {
      const [type, of] = [inferred.types[i], inferred.elements[i]]
      if (output === '' || type === undefined) continue
      types.set(output, type)
      if (of !== undefined) elements.set(output, of)
      if (held !== undefined) constants.set(output, held)
    }
  }
  return { types, elements }
}
