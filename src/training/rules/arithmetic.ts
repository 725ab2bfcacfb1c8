import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { gradOf, inputOf, outputOf, type Rule, type RuleContext, type Rules, shapeOf } from './rule.ts'

/** The gradients of operands that were broadcast against each other, each made only where it is needed. */
const broadcast = (ctx: RuleContext, ...gradients: readonly ((e: Emit, grad: Value) => Value)[]): readonly (Value | undefined)[] => {
  const e = new Emit(ctx)
  const grad = gradOf(ctx)
  return gradients.map((gradient, i) => (ctx.needs[i] ? e.sumTo(gradient(e, grad), shapeOf(inputOf(ctx, i))) : undefined))
}

const pow: Rule = (ctx) => {
  const [x, exponent, y] = [inputOf(ctx, 0), inputOf(ctx, 1), outputOf(ctx)]
  const known = ctx.constant(1)
  const one = known?.size === 1 ? Number(known.data[0]) : undefined
  return broadcast(
    ctx,
    (e, grad) => {
      if (one === 0) return e.full(0, y)
      if (one === 1) return grad
      if (one === 2) return e.mul(grad, e.mul(x, 2))
      if (one === 0.5) return e.div(grad, e.mul(y, 2))
      if (one !== undefined) return e.mul(grad, e.mul(e.op('Pow', [x, e.num(one - 1, x)]), one))
      const power = e.cast(exponent, x.dtype)
      // x^0 is 1 everywhere: without this, 0 * 0^-1 would be no number.
      const slope = e.mul(e.op('Pow', [x, e.plus(power, -1)]), power)
      return e.mul(grad, e.where(e.compare('Equal', power, 0), e.num(0, x), slope))
    },
    (e, grad) => {
      const positive = e.compare('Greater', x, 0)
      return e.where(positive, e.mul(e.mul(grad, y), e.op('Log', [e.where(positive, x, 1)])), 0)
    },
  )
}

/** Max and Min: the gradient goes to the operands that hold the extreme, in equal parts. */
const extreme: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [grad, y] = [gradOf(ctx), outputOf(ctx)]
  if (ctx.inputs.length === 1) return [grad]
  const held = ctx.inputs.map((_, i) => e.cast(e.compare('Equal', inputOf(ctx, i), y), grad.dtype))
  const share = e.div(grad, e.total(held))
  return held.map((mask, i) => (ctx.needs[i] ? e.sumTo(e.mul(share, mask), shapeOf(inputOf(ctx, i))) : undefined))
}

/** A function of one tensor, by its slope. */
const unary =
  (gradient: (e: Emit, grad: Value, x: Value, y: Value) => Value): Rule =>
  (ctx) => [gradient(new Emit(ctx), gradOf(ctx), inputOf(ctx), outputOf(ctx))]

const where: Rule = (ctx) => {
  const condition = inputOf(ctx, 0)
  const [, ...gradients] = broadcast(
    { ...ctx, needs: [false, ctx.needs[1] ?? false, ctx.needs[2] ?? false] },
    (_, grad) => grad,
    (e, grad) => e.masked(condition, grad),
    (e, grad) => e.op('Where', [condition, e.num(0, grad), grad]),
  )
  return [undefined, ...gradients]
}

export const arithmetic: Rules = {
  Add: (ctx) => broadcast(ctx, (_, grad) => grad, (_, grad) => grad), // prettier-ignore
  Sub: (ctx) => broadcast(ctx, (_, grad) => grad, (e, grad) => e.neg(grad)), // prettier-ignore
  Mul: (ctx) => broadcast(ctx, (e, grad) => e.mul(grad, inputOf(ctx, 1)), (e, grad) => e.mul(grad, inputOf(ctx, 0))), // prettier-ignore
  Div: (ctx) =>
    broadcast(
      ctx,
      (e, grad) => e.div(grad, inputOf(ctx, 1)),
      (e, grad) => e.neg(e.mul(e.div(grad, inputOf(ctx, 1)), outputOf(ctx))),
    ),
  Sum: (ctx) => broadcast(ctx, ...ctx.inputs.map(() => (_: Emit, grad: Value) => grad)),
  Mean: (ctx) => broadcast(ctx, ...ctx.inputs.map(() => (e: Emit, grad: Value) => e.div(grad, ctx.inputs.length))),
  Pow: pow,
  Max: extreme,
  Min: extreme,
  Where: where,
  Neg: unary((e, grad) => e.neg(grad)),
  Reciprocal: unary((e, grad, _, y) => e.neg(e.mul(grad, e.square(y)))),
  Abs: unary((e, grad, x) => e.mul(grad, e.op('Sign', [x]))),
  Sqrt: unary((e, grad, _, y) => e.div(grad, e.mul(y, 2))),
  Exp: unary((e, grad, _, y) => e.mul(grad, y)),
  Log: unary((e, grad, x) => e.div(grad, x)),
  Sin: unary((e, grad, x) => e.mul(grad, e.op('Cos', [x]))),
  Cos: unary((e, grad, x) => e.neg(e.mul(grad, e.op('Sin', [x])))),
}
