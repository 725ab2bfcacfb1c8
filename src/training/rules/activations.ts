import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { attribute, axisOf, gradOf, inputOf, outputOf, type Rule, type RuleContext, type Rules, shapeOf } from './rule.ts'

interface Seen {
  readonly e: Emit
  readonly grad: Value
  readonly x: Value
  readonly y: Value
  /** A float attribute. */
  readonly float: (name: string, fallback: number) => number
  readonly ctx: RuleContext
}

const activation =
  (gradient: (seen: Seen) => Value): Rule =>
  (ctx) => [
    gradient({
      e: new Emit(ctx),
      grad: gradOf(ctx),
      x: inputOf(ctx),
      y: outputOf(ctx),
      float: (name, fallback) => attribute(ctx, name, 'float', fallback),
      ctx,
    }),
  ]

const gelu = activation(({ e, grad, x, ctx }) => {
  if (attribute(ctx, 'approximate', 'string', 'none') === 'none') {
    // x * P(x), P the normal distribution and p its density: P(x) + x p(x)
    const below = e.mul(e.plus(e.op('Erf', [e.mul(x, Math.SQRT1_2)]), 1), 0.5)
    const density = e.mul(e.op('Exp', [e.mul(e.square(x), -0.5)]), 1 / Math.sqrt(2 * Math.PI))
    return e.mul(grad, e.add(below, e.mul(x, density)))
  }
  // x (1 + t) / 2 with t = tanh(a (x + c x^3))
  const [a, c] = [Math.sqrt(2 / Math.PI), 0.044715]
  const square = e.square(x)
  const t = e.tanh(e.mul(x, e.plus(e.mul(square, a * c), a)))
  const bend = e.mul(e.oneMinus(e.square(t)), e.mul(x, e.plus(e.mul(square, 3 * a * c), a)))
  return e.mul(grad, e.mul(e.plus(e.add(t, bend), 1), 0.5))
})

const prelu: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [grad, x, slope] = [gradOf(ctx), inputOf(ctx, 0), inputOf(ctx, 1)]
  const below = e.compare('Less', x, 0)
  return [
    ctx.needs[0] ? e.where(below, e.mul(grad, slope), grad) : undefined,
    ctx.needs[1] ? e.sumTo(e.masked(below, e.mul(grad, x)), shapeOf(slope)) : undefined,
  ]
}

const clip: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [grad, x, y] = [gradOf(ctx), inputOf(ctx), outputOf(ctx)]
  const bound = (i: number, op: 'Less' | 'Greater'): Value | undefined => {
    const limit = ctx.inputs[i]
    return limit !== undefined && ctx.needs[i] ? e.sumTo(e.masked(e.compare(op, x, limit), grad), shapeOf(limit)) : undefined
  }
  // What was let through is what did not change.
  return [ctx.needs[0] ? e.masked(e.compare('Equal', x, y), grad) : undefined, bound(1, 'Less'), bound(2, 'Greater')]
}

const lastAxis = ({ ctx, x }: Seen): readonly number[] => [axisOf(attribute(ctx, 'axis', 'int', -1), x.shape.length)]

const SELU = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }

export const activations: Rules = {
  Relu: activation(({ e, grad, y }) => e.masked(e.compare('Greater', y, 0), grad)),
  LeakyRelu: activation(({ e, grad, x, float }) => e.where(e.compare('Less', x, 0), e.mul(grad, float('alpha', 0.01)), grad)),
  ThresholdedRelu: activation(({ e, grad, x, float }) => e.masked(e.compare('Greater', x, float('alpha', 1)), grad)),
  PRelu: prelu,
  Elu: activation(({ e, grad, x, y, float }) => e.where(e.compare('Less', x, 0), e.mul(grad, e.plus(y, float('alpha', 1))), grad)),
  Celu: activation(({ e, grad, x, float }) =>
    e.where(e.compare('Less', x, 0), e.mul(grad, e.op('Exp', [e.div(x, float('alpha', 1))])), grad),
  ),
  Selu: activation(({ e, grad, x, y, float }) => {
    const gamma = float('gamma', SELU.gamma)
    return e.mul(grad, e.where(e.compare('Less', x, 0), e.plus(y, gamma * float('alpha', SELU.alpha)), gamma))
  }),
  Sigmoid: activation(({ e, grad, y }) => e.mul(grad, e.mul(y, e.oneMinus(y)))),
  HardSigmoid: activation(({ e, grad, y, float }) => {
    const inside = e.op('And', [e.compare('Greater', y, 0), e.compare('Less', y, 1)])
    return e.masked(inside, e.mul(grad, float('alpha', 0.2)))
  }),
  HardSwish: activation(({ e, grad, x }) => {
    // x (x / 6 + 1 / 2) from -3 to 3, nothing below, x above.
    const inside = e.mul(grad, e.plus(e.div(x, 3), 0.5))
    return e.masked(e.compare('Greater', x, -3), e.where(e.compare('Less', x, 3), inside, grad))
  }),
  Tanh: activation(({ e, grad, y }) => e.mul(grad, e.oneMinus(e.square(y)))),
  Erf: activation(({ e, grad, x }) => e.mul(grad, e.mul(e.op('Exp', [e.neg(e.square(x))]), 2 / Math.sqrt(Math.PI)))),
  Gelu: gelu,
  Softplus: activation(({ e, grad, x }) => e.mul(grad, e.sigmoid(x))),
  Softsign: activation(({ e, grad, x }) => e.div(grad, e.square(e.plus(e.op('Abs', [x]), 1)))),
  Mish: activation(({ e, grad, x }) => {
    const t = e.tanh(e.op('Softplus', [x]))
    return e.mul(grad, e.add(t, e.mul(e.mul(x, e.sigmoid(x)), e.oneMinus(e.square(t)))))
  }),
  Clip: clip,
  Softmax: activation((seen) => {
    const { e, grad, y } = seen
    return e.mul(y, e.sub(grad, e.sum(e.mul(grad, y), lastAxis(seen))))
  }),
  LogSoftmax: activation((seen) => {
    const { e, grad, y } = seen
    return e.sub(grad, e.mul(e.op('Exp', [y]), e.sum(grad, lastAxis(seen))))
  }),
}
