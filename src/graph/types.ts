import { isActiveStorageError } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import type { Graph, Node, ValueType } from './graph.ts'
import { type Inferred, inferNode, type Known } from './infer.ts'
import type { Elements } from './infer/elements.ts'
import { constantOf } from './infer/sources.ts'

/** What is known of all tensors of a graph. */
export interface GraphTypes {
  readonly types: ReadonlyMap<string, ValueType>
  readonly elements: ReadonlyMap<string, Elements>
}

/** What is inferred of a node; nothing of one that is not known here, or that uses what nothing is known of. */
const inferKnown = (node: Node, known: Known, misfits: boolean): Inferred | undefined => {
  if (node.inputs.some((name) => name !== '' && known.type(name) === undefined)) return undefined
  try {
    return inferNode(node, known)
  } catch (error) {
    if (isActiveStorageError(error, 'unsupported') || (misfits && isActiveStorageError(error, 'bad-model'))) return undefined
    throw error
  }
}

/**
 * The types of all tensors, inferred from those of the inputs.
 * @param partial leaves out tensors that cannot be inferred, for an operator that is not known here or depends on data
 * @param misfits with partial, leaves out those too whose nodes do not fit their inputs
 * @throws ActiveStorageError `bad-model`, naming the node, unless misfits are left out; `unsupported` unless partial
 */
export const typesOf = ({ opset, inputs, initializers, nodes }: Graph, { partial = false, misfits = false } = {}): GraphTypes => {
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
    const inferred = partial ? inferKnown(node, known, misfits) : inferNode(node, known)
    if (inferred === undefined) continue
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
