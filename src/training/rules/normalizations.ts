import type { Value } from '../../graph/builder.ts'
import { failure } from '../../core/errors.ts'
import { Emit } from '../emit.ts'
import { attribute, axisOf, called, gradOf, inputOf, range, type Rule, type RuleContext, type Rules, shapeOf, sizeOf } from './rule.ts'

/** What one normalization over some axes needs for its gradient; all but x broadcast against it. */
interface Normalized {
  readonly e: Emit
  /** Gradient of (x - mean) * inverse. */
  readonly grad: Value
  readonly centred: Value
  readonly inverse: Value
  readonly axes: readonly number[]
}

const inverseOf = (e: Emit, variance: Value, epsilon: number): Value => e.op('Reciprocal', [e.op('Sqrt', [e.plus(variance, epsilon)])])

/** The mean and the variance move with x: what of the gradient would only move or stretch all of x is taken out. */
const throughStatistics = ({ e, grad, centred, inverse, axes }: Normalized): Value => {
  const shift = e.mean(grad, axes)
  const stretch = e.mul(e.mean(e.mul(grad, centred), axes), e.square(inverse))
  return e.mul(e.sub(e.sub(grad, shift), e.mul(centred, stretch)), inverse)
}

const channelwise = (e: Emit, x: Value, like: Value): Value => e.reshape(x, [1, -1, ...range(like.shape.length - 2).map(() => 1)].map((side) => (side === -1 ? sizeOf(shapeOf(x)) : side))) // prettier-ignore

const batchNormalization: Rule = (ctx) => {
  const e = new Emit(ctx)
  const grad = gradOf(ctx)
  const [x, scale, bias] = [inputOf(ctx, 0), inputOf(ctx, 1), inputOf(ctx, 2)]
  const axes = range(x.shape.length).filter((axis) => axis !== 1)
  const training = attribute(ctx, 'training_mode', 'int', 0) === 1
  const saved = training && attribute(ctx, 'momentum', 'float', 0.9) === 0 && ctx.outputs[1] !== undefined && ctx.outputs[2] !== undefined
  const own = training && !saved
  const mean = saved ? ctx.outputs[1] : own ? e.mean(x, axes) : inputOf(ctx, 3)
  const centred = e.sub(x, channelwise(e, mean ?? inputOf(ctx, 3), x))
  const variance = saved ? ctx.outputs[2] : own ? e.mean(e.square(centred), axes) : inputOf(ctx, 4)
  const inverse = channelwise(e, inverseOf(e, variance ?? inputOf(ctx, 4), attribute(ctx, 'epsilon', 'float', 1e-5)), x)
  const gain = e.mul(channelwise(e, scale, x), inverse)
  const total = e.sum(grad, axes)
  const product = e.sum(e.mul(grad, centred), axes)
  const vector = (value: Value, like: Value): Value => e.reshape(value, shapeOf(like))
  const ofScale = vector(e.mul(product, inverse), scale)
  if (!training) {
    return [
      ctx.needs[0] ? e.mul(grad, gain) : undefined,
      ofScale,
      vector(total, bias),
      ctx.needs[3] ? vector(e.neg(e.mul(total, gain)), inputOf(ctx, 3)) : undefined,
      ctx.needs[4] ? vector(e.mul(e.mul(product, gain), e.mul(e.square(inverse), -0.5)), inputOf(ctx, 4)) : undefined,
    ]
  }
  // gain * (grad - mean of grad) less what stretches: two factors and a term for each channel, three passes over x.
  const count = sizeOf(shapeOf(x)) / sizeOf(shapeOf(scale))
  const stretch = e.mul(e.mul(gain, e.square(inverse)), e.div(product, count))
  const flow = ctx.needs[0] ? e.sub(e.mul(e.sub(grad, e.div(total, count)), gain), e.mul(centred, stretch)) : undefined
  return [flow, ofScale, vector(total, bias)]
}

const layerNormalization: Rule = (ctx) => {
  const e = new Emit(ctx)
  const grad = gradOf(ctx)
  const [x, scale, bias] = [inputOf(ctx, 0), inputOf(ctx, 1), ctx.inputs[2]]
  const rank = x.shape.length
  const first = axisOf(attribute(ctx, 'axis', 'int', -1), rank)
  const axes = range(rank).slice(first)
  const [, savedMean, savedInverse] = ctx.outputs
  const centred = e.sub(x, savedMean ?? e.mean(x, axes))
  const inverse = savedInverse ?? inverseOf(e, e.mean(e.square(centred), axes), attribute(ctx, 'epsilon', 'float', 1e-5))
  const normal = e.mul(centred, inverse)
  return [
    ctx.needs[0] ? throughStatistics({ e, grad: e.mul(grad, scale), centred, inverse, axes }) : undefined,
    ctx.needs[1] ? e.sumTo(e.mul(grad, normal), shapeOf(scale)) : undefined,
    bias !== undefined && ctx.needs[2] ? e.sumTo(grad, shapeOf(bias)) : undefined,
  ]
}

const instanceNormalization: Rule = (ctx) => {
  const e = new Emit(ctx)
  const grad = gradOf(ctx)
  const [x, scale] = [inputOf(ctx, 0), inputOf(ctx, 1)]
  const axes = range(x.shape.length).slice(2)
  const centred = e.sub(x, e.mean(x, axes))
  const inverse = inverseOf(e, e.mean(e.square(centred), axes), attribute(ctx, 'epsilon', 'float', 1e-5))
  const vector = (value: Value): Value => e.reshape(e.sum(value, [0, ...axes]), shapeOf(scale))
  return [
    ctx.needs[0] ? throughStatistics({ e, grad: e.mul(grad, channelwise(e, scale, x)), centred, inverse, axes }) : undefined,
    ctx.needs[1] ? vector(e.mul(grad, e.mul(centred, inverse))) : undefined,
    ctx.needs[2] ? vector(grad) : undefined,
  ]
}

/** Scale and bias are one for each group, or one for each channel in files of opset 21. */
const groupNormalization: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [x, scale, bias] = [inputOf(ctx, 0), inputOf(ctx, 1), inputOf(ctx, 2)]
  const [n = 1, c = 1, ...spatial] = shapeOf(x)
  const groups = attribute(ctx, 'num_groups', 'int', 1)
  if (groups < 1 || c % groups !== 0) throw failure('bad-model', `${called(ctx.node)}: ${c} channels do not make ${groups} groups`)
  const [places, each] = [sizeOf(spatial), c / groups]
  const apart = (value: Value): Value => e.reshape(value, [n, groups, each, places])
  const perChannel = sizeOf(shapeOf(scale)) === c && c !== groups
  const grad = apart(gradOf(ctx))
  const axes = [2, 3]
  const input = apart(x)
  const centred = e.sub(input, e.mean(input, axes))
  const inverse = inverseOf(e, e.mean(e.square(centred), axes), attribute(ctx, 'epsilon', 'float', 1e-5))
  const vector = (value: Value, like: Value): Value => e.reshape(e.sum(value, perChannel ? [0, 3] : [0, 2, 3]), shapeOf(like))
  const scaled = e.mul(grad, e.reshape(scale, [1, groups, perChannel ? each : 1, 1]))
  return [
    ctx.needs[0] ? e.reshape(throughStatistics({ e, grad: scaled, centred, inverse, axes }), shapeOf(x)) : undefined,
    ctx.needs[1] ? vector(e.mul(grad, e.mul(centred, inverse)), scale) : undefined,
    ctx.needs[2] ? vector(grad, bias) : undefined,
  ]
}

/** Outside of training a Dropout changes nothing; in it, `trainingMode` has put a mask in its place. */
const dropout: Rule = (ctx: RuleContext) => {
  const mode = ctx.inputs[2]
  if (mode !== undefined && Number(ctx.constant(2)?.data[0] ?? 1) !== 0)
    throw failure('unsupported', `${called(ctx.node)} draws its own random numbers: let trainingMode() replace it by a seeded mask`)
  return [gradOf(ctx)]
}

export const normalizations: Rules = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  Dropout: dropout,
}
