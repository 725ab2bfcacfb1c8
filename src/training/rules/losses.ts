import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { attribute, inputOf, range, type Rule, type RuleContext, type Rules, shapeOf, sizeOf } from './rule.ts'

interface Labelled {
  readonly e: Emit
  /** 1 at each label's class, along axis 1; nothing where the label is ignored. */
  readonly classes: Value
  /** The factor of each label, broadcast along axis 1: its weight, and its share of the loss that is given. */
  readonly factor: Value
}

const labelled = (ctx: RuleContext, grad: Value): Labelled => {
  const e = new Emit(ctx)
  const [scores, labels, weights] = [inputOf(ctx, 0), inputOf(ctx, 1), ctx.inputs[2]]
  const sides = shapeOf(scores)
  const [n = 1, c = 1, ...places] = sides
  const reduction = attribute(ctx, 'reduction', 'string', 'mean')
  const ignored = ctx.node.attributes['ignore_index'] === undefined ? undefined : attribute(ctx, 'ignore_index', 'int', 0)
  const flat = e.reshape(e.cast(labels, 'int64'), [n, 1, ...places])
  const all = new Array<number>(sides.length).fill(1).with(1, c)
  const one = e.cast(e.op('Equal', [flat, e.reshape(e.indices(range(c)), all)]), scores.dtype)
  const counted = ignored === undefined ? undefined : e.where(e.compare('Equal', flat, ignored), e.num(0, scores), 1)
  const classes = counted === undefined ? one : e.mul(one, counted)
  const weight = weights === undefined ? counted : e.sum(e.mul(classes, e.reshape(weights, all)), [1])
  const lined = reduction === 'none' ? e.reshape(grad, [n, 1, ...places]) : grad
  const share =
    reduction !== 'mean' ? lined : e.div(lined, weight === undefined ? e.num(n * sizeOf(places), scores) : e.sum(weight, range(sides.length))) // prettier-ignore
  return { e, classes, factor: weight === undefined ? share : e.mul(weight, share) }
}

/** softmax - label, of each sample. */
const crossEntropy: Rule = (ctx) => {
  const [grad, ofLogs] = ctx.grads
  const e = new Emit(ctx)
  const scores = inputOf(ctx)
  const [, logs] = ctx.outputs
  const softmax = logs === undefined ? e.op('Softmax', [scores], { axis: 1 }) : e.op('Exp', [logs])
  const parts: Value[] = []
  if (grad !== undefined) {
    const { classes, factor } = labelled(ctx, grad)
    parts.push(e.mul(e.sub(softmax, classes), factor))
  }
  if (ofLogs !== undefined) parts.push(e.sub(ofLogs, e.mul(softmax, e.sum(ofLogs, [1]))))
  return [e.total(parts)]
}

const negativeLogLikelihood: Rule = (ctx) => {
  const [grad] = ctx.grads
  if (grad === undefined) return []
  const { e, classes, factor } = labelled(ctx, grad)
  return [e.neg(e.mul(classes, factor))]
}

export const losses: Rules = { SoftmaxCrossEntropyLoss: crossEntropy, NegativeLogLikelihoodLoss: negativeLogLikelihood }
