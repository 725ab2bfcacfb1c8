import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { attribute, gradOf, inputOf, outputOf, range, type Rule, type RuleContext, type Rules, shapeOf, sizeOf } from './rule.ts'

interface Labelled {
  readonly e: Emit
  /** 1 at each label's class, along axis 1; nothing where the label is ignored. */
  readonly classes: Value
  /** Each label's share of the loss that is given, broadcast along axis 1. */
  readonly share: Value
  /** The share times the weight of the label. */
  readonly factor: Value
}

const isMean = (ctx: RuleContext): boolean => attribute(ctx, 'reduction', 'string', 'mean') === 'mean'

const labelled = (ctx: RuleContext, grad: Value): Labelled => {
  const e = new Emit(ctx)
  const [scores, labels, weights] = [inputOf(ctx, 0), inputOf(ctx, 1), ctx.inputs[2]]
  const sides = shapeOf(scores)
  const [n = 1, c = 1, ...places] = sides
  const ignored = ctx.node.attributes['ignore_index'] === undefined ? undefined : attribute(ctx, 'ignore_index', 'int', 0)
  const flat = e.reshape(e.cast(labels, 'int64'), [n, 1, ...places])
  const all = new Array<number>(sides.length).fill(1).with(1, c)
  const one = e.cast(e.op('Equal', [flat, e.reshape(e.indices(range(c)), all)]), scores.dtype)
  const counted = ignored === undefined ? undefined : e.where(e.compare('Equal', flat, ignored), e.num(0, scores), 1)
  const classes = counted === undefined ? one : e.mul(one, counted)
  const weight = weights === undefined ? counted : e.sum(e.mul(classes, e.reshape(weights, all)), [1])
  const lined = attribute(ctx, 'reduction', 'string', 'mean') === 'none' ? e.reshape(grad, [n, 1, ...places]) : grad
  const share =
    !isMean(ctx) ? lined : e.div(lined, weight === undefined ? e.num(n * sizeOf(places), scores) : e.sum(weight, range(sides.length))) // prettier-ignore
  return { e, classes, share, factor: weight === undefined ? share : e.mul(weight, share) }
}

/** By the weight of each class: the losses of its labels, in a mean less the mean, which the weight also divides. */
const ofWeights = (ctx: RuleContext, { e, classes, share }: Labelled, logs: Value): Value => {
  const apart = isMean(ctx) ? e.add(logs, outputOf(ctx)) : logs
  const sums = e.sum(e.mul(e.mul(classes, apart), share), range(logs.shape.length).filter((axis) => axis !== 1)) // prettier-ignore
  return e.neg(e.reshape(sums, shapeOf(inputOf(ctx, 2))))
}

/** softmax - label, of each sample. */
const crossEntropy: Rule = (ctx) => {
  const [grad, ofLogs] = ctx.grads
  const e = new Emit(ctx)
  const scores = inputOf(ctx)
  const [, logs] = ctx.outputs
  const softmax = logs === undefined ? e.op('Softmax', [scores], { axis: 1 }) : e.op('Exp', [logs])
  const parts: Value[] = []
  let weights: Value | undefined
  if (grad !== undefined) {
    const found = labelled(ctx, grad)
    parts.push(e.mul(e.sub(softmax, found.classes), found.factor))
    if (ctx.needs[2]) weights = ofWeights(ctx, found, logs ?? e.op('LogSoftmax', [scores], { axis: 1 }))
  }
  if (ofLogs !== undefined) parts.push(e.sub(ofLogs, e.mul(softmax, e.sum(ofLogs, [1]))))
  // The logarithms alone do not move with the weights.
  if (grad === undefined && ctx.needs[2]) weights = e.full(0, inputOf(ctx, 2))
  return [e.total(parts), undefined, weights]
}

const negativeLogLikelihood: Rule = (ctx) => {
  const found = labelled(ctx, gradOf(ctx))
  const { e, classes, factor } = found
  return [e.neg(e.mul(classes, factor)), undefined, ctx.needs[2] ? ofWeights(ctx, found, inputOf(ctx)) : undefined]
}

export const losses: Rules = { SoftmaxCrossEntropyLoss: crossEntropy, NegativeLogLikelihoodLoss: negativeLogLikelihood }
