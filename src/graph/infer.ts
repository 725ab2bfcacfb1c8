import type { Tensor } from '../core/tensor.ts'
import type { Node, ValueType } from './graph.ts'
import { arrangements } from './infer/arrange.ts'
import { type InferRule, NodeContext } from './infer/context.ts'
import type { Elements } from './infer/elements.ts'
import { elementwise } from './infer/elementwise.ts'
import { followed } from './infer/follow.ts'
import { indexing } from './infer/indexing.ts'
import { matrices } from './infer/matrices.ts'
import { normalizations } from './infer/normalize.ts'
import { recurrences } from './infer/recurrent.ts'
import { reductions } from './infer/reduce.ts'
import { regions } from './infer/regions.ts'
import { sources } from './infer/sources.ts'
import { windows } from './infer/windows.ts'

/** What a node is inferred from. */
export interface Known {
  readonly opset: number
  readonly type: (name: string) => ValueType | undefined
  /** A tensor whose elements are known: the shape that a Reshape is given, the axes of a ReduceSum. */
  readonly constant: (name: string) => Tensor | undefined
  /** What is known of a tensor that the graph computes from shapes. */
  readonly elements?: (name: string) => Elements | undefined
}

const rules: Readonly<Record<string, InferRule>> = {
  ...elementwise,
  ...reductions,
  ...windows,
  ...matrices,
  ...normalizations,
  ...arrangements,
  ...regions,
  ...indexing,
  ...recurrences,
  ...sources,
}

const ruleOf = (at: NodeContext): InferRule => {
  const { op } = at.node
  const rule = Object.hasOwn(rules, op) ? rules[op] : undefined
  if (rule === undefined)
    throw at.wrong('this operator is not known here', 'replace it by others, or cut the model so that it lies outside', 'unsupported')
  return rule
}

/** The types of a node's outputs, with what is known of the elements of each. */
export interface Inferred {
  readonly types: readonly ValueType[]
  readonly elements: readonly (Elements | undefined)[]
}

/**
 * The types of a node's outputs, one for each (also those that are left out), and the elements of those that shapes may
 * be made of.
 * @throws ActiveStorageError `bad-model` naming the node, for inputs that do not fit; `unsupported` for an operator or a
 * form of it whose output cannot be inferred
 */
export const inferNode = (node: Node, known: Known): Inferred => {
  const at = new NodeContext(node, known)
  const all = ruleOf(at)(at)
  if (node.outputs.length > all.length)
    throw at.wrong(`it names ${node.outputs.length} outputs, where it has ${all.length}`, 'leave out those beyond')
  const types = all.slice(0, node.outputs.length)
  return { types, elements: followed(at, types) }
}
