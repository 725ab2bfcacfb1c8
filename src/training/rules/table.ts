import type { Node } from '../../graph/graph.ts'
import { attributeOf } from '../../graph/attributes.ts'
import { activations } from './activations.ts'
import { arithmetic } from './arithmetic.ts'
import { convolutions } from './convolutions.ts'
import { einsums } from './einsum.ts'
import { indexing } from './indexing.ts'
import { losses } from './losses.ts'
import { matrices } from './matrices.ts'
import { normalizations } from './normalizations.ts'
import { pools } from './pools.ts'
import { recurrent } from './recurrent.ts'
import { reductions } from './reductions.ts'
import type { Rules } from './rule.ts'
import { shapes } from './shapes.ts'

/** The gradient of each operator that has one. */
export const rules: Rules = {
  ...arithmetic,
  ...activations,
  ...reductions,
  ...shapes,
  ...indexing,
  ...matrices,
  ...einsums,
  ...convolutions,
  ...pools,
  ...normalizations,
  ...recurrent,
  ...losses,
}

/** Operators that give floats which do not move with their inputs, or in jumps alone: no gradient flows through them. */
export const flat: ReadonlySet<string> = new Set(['Ceil', 'EyeLike', 'Floor', 'Round', 'Sign'])

/** Inputs of operators with a rule that the results do not move with, or in jumps alone. */
export const still: Readonly<Record<string, (node: Node) => readonly number[]>> = {
  // The statistics of the batch are taken in place of these two, which only the running ones go on from.
  BatchNormalization: (node) => {
    const training = attributeOf(node, 'training_mode', 'int') === 1
    return training && (node.outputs.length === 1 || attributeOf(node, 'momentum', 'float') === 0) ? [3, 4] : []
  },
  CastLike: () => [1],
  Dropout: () => [1],
  OneHot: () => [0, 1],
}

/** Whether a gradient flows through an input of a node. */
export const flowsThrough = (node: Node, input: number): boolean =>
  !flat.has(node.op) && !(Object.hasOwn(still, node.op) && (still[node.op]?.(node).includes(input) ?? false))
