import { failure } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { AttributeValues, Node } from '../../graph/graph.ts'
import { attributeOf } from '../../graph/attributes.ts'
import type { GraphBuilder, Value } from '../../graph/builder.ts'

/** What a rule sees of the node whose gradient it adds to the graph. */
export interface RuleContext {
  readonly b: GraphBuilder
  readonly node: Node
  readonly inputs: readonly (Value | undefined)[]
  readonly outputs: readonly (Value | undefined)[]
  /** Gradients of the outputs; undefined is zero. At least one is there. */
  readonly grads: readonly (Value | undefined)[]
  /** Which inputs need a gradient. A rule may give more; they are left out. */
  readonly needs: readonly boolean[]
  /** The elements of an input that are known before the graph runs. */
  readonly constant: (input: number) => Tensor | undefined
}

/** Adds the gradients of a node's inputs, of the shape of each; undefined where it is not needed. One that is needed and missing is refused. */
export type Rule = (ctx: RuleContext) => readonly (Value | undefined)[]

/** Rules by operator. */
export type Rules = Readonly<Record<string, Rule>>

/** "node conv1 (Conv)", for errors. */
export const called = ({ name, op }: Node): string => `node ${name} (${op})`

export const inputOf = ({ inputs, node }: RuleContext, i = 0): Value => {
  const input = inputs[i]
  if (input === undefined) throw failure('bad-model', `${called(node)} has no input ${i}`)
  return input
}
export const outputOf = ({ outputs, node }: RuleContext, i = 0): Value => {
  const output = outputs[i]
  if (output === undefined) throw failure('internal', `the gradient of ${called(node)} needs its output ${i}`)
  return output
}
/** The gradient of the first output, of an operator that is differentiated through that one alone. */
export const gradOf = ({ grads, node }: RuleContext): Value => {
  const other = grads.findIndex((grad, i) => i > 0 && grad !== undefined)
  if (other > 0)
    throw failure('unsupported', `${called(node)}: there is no gradient through its output ${other}; let the loss not depend on it`)
  const [grad] = grads
  if (grad === undefined) throw failure('internal', `${called(node)} is differentiated without a gradient of its output`)
  return grad
}

export const attribute = <T extends keyof AttributeValues>(
  { node }: { readonly node: Node },
  name: string,
  type: T,
  fallback: AttributeValues[T],
): AttributeValues[T] => attributeOf(node, name, type) ?? fallback

/** The sides of a tensor, all known: gradients are made of graphs whose dimensions are bound. */
export const shapeOf = ({ name, shape }: Value): readonly number[] =>
  shape.map((side) => {
    if (typeof side === 'number') return side
    throw failure('invalid-argument', `side ${side} of tensor "${name}" is not known: bind the graph's dimensions to numbers before it is differentiated`) // prettier-ignore
  })
export const sizeOf = (sides: readonly number[]): number => sides.reduce((product, side) => product * side, 1)

/** An axis counted from the front. */
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Whole numbers that a node takes as an input, where they must be known before the graph runs. */
export const numbersOf = (ctx: RuleContext, i: number, what: string): readonly number[] | undefined => {
  if (ctx.inputs[i] === undefined) return undefined
  const tensor = ctx.constant(i)
  if (tensor === undefined)
    throw failure('unsupported', `${called(ctx.node)}: its ${what} are computed while the graph runs, so it has no gradient; export the model with fixed ones, or freeze what is before it`) // prettier-ignore
  return Array.from<number | bigint | string, number>(tensor.data, Number)
}
