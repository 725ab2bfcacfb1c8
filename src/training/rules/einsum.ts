import type { Value } from '../../graph/builder.ts'
import type { Node } from '../../graph/graph.ts'
import { Emit } from '../emit.ts'
import { contract, equationOf, type Labelled, sizesOf, withoutBroadcast } from './contract.ts'
import { gradOf, inputOf, type Rule, type Rules, shapeOf } from './rule.ts'

const operandsOf = (node: Node, inputs: readonly Value[]): { operands: readonly Labelled[]; result: readonly string[] } => {
  const { operands, result } = equationOf(node, inputs)
  return { operands: inputs.map((value, i) => ({ value, labels: operands[i] ?? [] })), result }
}

/** An Einsum by other operators. */
export const einsumLowered = (e: Emit, node: Node, inputs: readonly Value[]): Value => {
  const { operands, result } = operandsOf(node, inputs)
  const sizes = sizesOf(operands)
  const { value, labels } = contract(e, operands.map((operand) => withoutBroadcast(e, operand, sizes)), result) // prettier-ignore
  return e.reshape(value, result.map((label) => (labels.includes(label) ? (sizes.get(label) ?? 1) : 1))) // prettier-ignore
}

/** By each operand: the product of the gradient with all others, over the labels that the operand lacks. */
const einsum: Rule = (ctx) => {
  const e = new Emit(ctx)
  const inputs = ctx.inputs.map((_, i) => inputOf(ctx, i))
  const { operands, result } = operandsOf(ctx.node, inputs)
  const sizes = sizesOf(operands)
  const grad = withoutBroadcast(e, { value: gradOf(ctx), labels: result }, sizes)
  const bare = operands.map((operand) => withoutBroadcast(e, operand, sizes))
  return bare.map(({ labels }, i) => {
    if (!ctx.needs[i]) return undefined
    const found = contract(e, [grad, ...bare.filter((_, other) => other !== i)], labels)
    // Labels that it alone has, and that were summed away.
    const own = labels.map((label) => (found.labels.includes(label) ? (sizes.get(label) ?? 1) : 1))
    const spread = e.expand(e.reshape(found.value, own), labels.map((label) => sizes.get(label) ?? 1)) // prettier-ignore
    return e.reshape(spread, shapeOf(inputOf(ctx, i)))
  })
}

export const einsums: Rules = { Einsum: einsum }
