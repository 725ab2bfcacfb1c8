import { Tensor } from '../../core/tensor.ts'
import type { Value } from '../../graph/builder.ts'
import { failure } from '../../core/errors.ts'
import { Emit } from '../emit.ts'
import { attribute, axisOf, called, gradOf, inputOf, outputOf, range, type Rule, type RuleContext, type Rules, shapeOf, sizeOf } from './rule.ts' // prettier-ignore
import { addRows, rowNumbers } from './scatter.ts'
import { ungather } from './ungather.ts'

const gather: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [data, indices, grad] = [inputOf(ctx, 0), inputOf(ctx, 1), gradOf(ctx)]
  const sides = shapeOf(data)
  const axis = axisOf(attribute(ctx, 'axis', 'int', 0), sides.length)
  const size = sides[axis] ?? 0
  const [outer, inner, count] = [sizeOf(sides.slice(0, axis)), sizeOf(sides.slice(axis + 1)), sizeOf(shapeOf(indices))]
  const known = ctx.constant(1)
  if (known !== undefined) {
    const places = Array.from<number | bigint | string, number>(known.data, (index) => axisOf(Number(index), size))
    return [e.reshape(ungather(e, e.reshape(grad, [outer, count, inner]), 1, places, size), sides)]
  }
  if (outer === 1) return [e.reshape(addRows(e, e.reshape(grad, [count, inner]), indices, size), sides)]
  // The axis goes first, so that whole rows are added.
  const rows = e.reshape(e.transpose(e.reshape(grad, [outer, count, inner]), [1, 0, 2]), [count, outer * inner])
  const sums = e.reshape(addRows(e, rows, indices, size), [size, outer, inner])
  return [e.reshape(e.transpose(sums, [1, 0, 2]), sides)]
}

const gatherElements: Rule = (ctx) => {
  const e = new Emit(ctx)
  const axis = attribute(ctx, 'axis', 'int', 0)
  const zeros = e.full(0, inputOf(ctx))
  return [e.op('ScatterElements', [zeros, inputOf(ctx, 1), gradOf(ctx)], { axis, reduction: 'add' })]
}

const gatherND: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [data, indices, grad] = [inputOf(ctx, 0), inputOf(ctx, 1), gradOf(ctx)]
  const batchDims = attribute(ctx, 'batch_dims', 'int', 0)
  const sides = shapeOf(data)
  const leading = batchDims + (shapeOf(indices).at(-1) ?? 0)
  const at = rowNumbers(e, indices, sides, batchDims)
  const rows = e.reshape(grad, [sizeOf(shapeOf(at)), sizeOf(sides.slice(leading))])
  return [e.reshape(addRows(e, rows, at, sizeOf(sides.slice(0, leading))), sides)]
}

/** How a scatter combines: by replacing, or by adding. */
const reductionOf = (ctx: RuleContext): 'none' | 'add' => {
  const reduction = attribute(ctx, 'reduction', 'string', 'none')
  if (reduction === 'none' || reduction === 'add') return reduction
  throw failure('unsupported', `${called(ctx.node)}: there is no gradient for reduction "${reduction}"; use "none" or "add", or freeze what is before it`) // prettier-ignore
}

const scatterElements: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [indices, updates, grad] = [inputOf(ctx, 1), inputOf(ctx, 2), gradOf(ctx)]
  const axis = attribute(ctx, 'axis', 'int', 0)
  const replaces = reductionOf(ctx) === 'none'
  return [
    ctx.needs[0] && replaces ? e.op('ScatterElements', [grad, indices, e.full(0, updates)], { axis }) : grad,
    undefined,
    ctx.needs[2] ? e.op('GatherElements', [grad, indices], { axis }) : undefined,
  ]
}

const scatterND: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [indices, updates, grad] = [inputOf(ctx, 1), inputOf(ctx, 2), gradOf(ctx)]
  const replaces = reductionOf(ctx) === 'none'
  return [
    ctx.needs[0] && replaces ? e.op('ScatterND', [grad, indices, e.full(0, updates)]) : grad,
    undefined,
    ctx.needs[2] ? e.op('GatherND', [grad, indices]) : undefined,
  ]
}

const topK: Rule = (ctx) => {
  const e = new Emit(ctx)
  const axis = attribute(ctx, 'axis', 'int', -1)
  return [e.op('ScatterElements', [e.full(0, inputOf(ctx)), outputOf(ctx, 1), gradOf(ctx)], { axis, reduction: 'add' })]
}

/** Of the two values: what went to the places of each. */
const oneHot: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [indices, depth, values, grad] = [inputOf(ctx, 0), inputOf(ctx, 1), inputOf(ctx, 2), gradOf(ctx)]
  const sumOf = (off: number, on: number): Value => {
    const mask = e.cast(e.b.constant(new Tensor('float32', new Float32Array([off, on]), [2])), values.dtype)
    const held = e.op('OneHot', [indices, depth, mask], { axis: attribute(ctx, 'axis', 'int', -1) })
    return e.reshape(e.sum(e.mul(grad, held), range(grad.shape.length)), [1])
  }
  return [undefined, undefined, e.concat([sumOf(1, 0), sumOf(0, 1)], 0)]
}

export const indexing: Rules = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TopK: topK,
  OneHot: oneHot,
}
