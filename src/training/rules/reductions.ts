import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { failure } from '../../core/errors.ts'
import {
  attribute,
  axisOf,
  called,
  gradOf,
  inputOf,
  numbersOf,
  outputOf,
  range,
  type Rule,
  type RuleContext,
  type Rules,
  shapeOf,
  sizeOf,
} from './rule.ts'

interface Reduced {
  readonly e: Emit
  /** The gradient and the result, with a side of 1 on each axis that went: they broadcast against x. */
  readonly grad: Value
  readonly y: () => Value
  readonly x: Value
  readonly sides: readonly number[]
  readonly axes: readonly number[]
}

/** The axes that a node reduces: all of them where it names none. */
const axesOf = (ctx: RuleContext): readonly number[] => {
  const rank = inputOf(ctx).shape.length
  const axes = (numbersOf(ctx, 1, 'axes') ?? []).map((axis) => axisOf(axis, rank))
  if (axes.length > 0) return axes
  return attribute(ctx, 'noop_with_empty_axes', 'int', 0) === 1 ? [] : range(rank)
}

const reduction =
  (gradient: (reduced: Reduced) => Value): Rule =>
  (ctx) => {
    const e = new Emit(ctx)
    const x = inputOf(ctx)
    const sides = shapeOf(x)
    const axes = axesOf(ctx)
    // A node that reduces nothing gives its input as it is, whatever it would compute.
    if (axes.length === 0 && sides.length > 0) return [gradOf(ctx)]
    const kept = sides.map((side, axis) => (axes.includes(axis) ? 1 : side))
    const y = (): Value => e.reshape(outputOf(ctx), kept)
    return [gradient({ e, grad: e.reshape(gradOf(ctx), kept), y, x, sides, axes })]
  }

/** The gradient goes to what holds the extreme, in equal parts. */
const extreme = reduction(({ e, grad, x, y, axes }) => {
  const held = e.cast(e.compare('Equal', x, y()), x.dtype)
  return e.mul(held, e.div(grad, e.sum(held, axes)))
})

const cumulate: Rule = (ctx) => {
  const [exclusive, reverse] = [attribute(ctx, 'exclusive', 'int', 0), attribute(ctx, 'reverse', 'int', 0)]
  return [new Emit(ctx).op('CumSum', [gradOf(ctx), inputOf(ctx, 1)], { exclusive, reverse: 1 - reverse })]
}

/** Elements of one product, at the most: their gradients take a few nodes for each. */
const MOST_FACTORS = 256

/** The gradient by a factor is the product of all others: of those before it and those behind it, as none may be divided by. */
const product: Rule = (ctx) => {
  const e = new Emit(ctx)
  const x = inputOf(ctx)
  const sides = shapeOf(x)
  const axes = axesOf(ctx)
  if (axes.length === 0) return [gradOf(ctx)]
  const order = [...range(sides.length).filter((axis) => !axes.includes(axis)), ...axes]
  const factors = sizeOf(axes.map((axis) => sides[axis] ?? 1))
  if (factors > MOST_FACTORS)
    throw failure(
      'unsupported',
      `${called(ctx.node)}: there is no gradient for a product of ${factors} factors; the most is ${MOST_FACTORS}`,
    )
  const turned = e.transpose(x, order)
  const columns = e.split(e.reshape(turned, [sizeOf(sides) / factors, factors]), 1, range(factors).map(() => 1)) // prettier-ignore
  const grad = e.reshape(gradOf(ctx), [sizeOf(sides) / factors, 1])
  const others: Value[] = []
  for (const [i, column] of columns.entries()) others[i + 1] = i === 0 ? e.mul(grad, column) : e.mul(others[i] ?? grad, column)
  let behind: Value | undefined
  for (const i of range(factors).reverse()) {
    const before = i === 0 ? grad : (others[i] ?? grad)
    others[i] = behind === undefined ? before : e.mul(before, behind)
    const column = columns[i] ?? grad
    behind = behind === undefined ? column : e.mul(behind, column)
  }
  const all = e.reshape(e.concat(others.slice(0, factors), 1), shapeOf(turned))
  return [e.transpose(all, range(sides.length).map((axis) => order.indexOf(axis)))] // prettier-ignore
}

export const reductions: Rules = {
  ReduceSum: reduction(({ e, grad, sides }) => e.expand(grad, sides)),
  ReduceMean: reduction(({ e, grad, sides, axes }) => e.expand(e.div(grad, axes.reduce((count, axis) => count * (sides[axis] ?? 1), 1)), sides)), // prettier-ignore
  ReduceMax: extreme,
  ReduceMin: extreme,
  ReduceProd: product,
  ReduceL1: reduction(({ e, grad, x }) => e.mul(grad, e.op('Sign', [x]))),
  // The norm of zeros is 0, where its slope is taken as 0.
  ReduceL2: reduction(({ e, grad, x, y }) => {
    const norm = y()
    return e.mul(x, e.div(grad, e.where(e.compare('Equal', norm, 0), e.num(1, norm), norm)))
  }),
  ReduceSumSquare: reduction(({ e, grad, x }) => e.mul(x, e.mul(grad, 2))),
  ReduceLogSumExp: reduction(({ e, grad, x, y }) => e.mul(grad, e.op('Exp', [e.sub(x, y())]))),
  ReduceLogSum: reduction(({ e, grad, y, sides }) => e.expand(e.mul(grad, e.op('Exp', [e.neg(y())])), sides)),
  CumSum: cumulate,
}
