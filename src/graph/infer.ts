import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import type { Node, ValueType } from './graph.ts'

/** What a node is inferred from. */
export interface Known {
  readonly opset: number
  readonly type: (name: string) => ValueType | undefined
  /** A tensor whose elements are known: the shape that a Reshape is given, the axes of a ReduceSum. */
  readonly constant: (name: string) => Tensor | undefined
}

/**
 * The types of a node's outputs, one for each (also those that are left out).
 * @throws ActiveStorageError `bad-model` naming the node, for inputs that do not fit; `unsupported` for an operator or a
 * form of it whose output cannot be inferred
 */
export const inferNode = (node: Node, known: Known): readonly ValueType[] => {
  void known
  throw failure('unsupported', `node ${node.name}: no rule yet for ${node.op}`)
}
