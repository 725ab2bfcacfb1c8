import type { Value } from '../../graph/builder.ts'
import { failure } from '../../core/errors.ts'
import { Emit } from '../emit.ts'
import {
  attribute, axisOf, called, gradOf, inputOf, numbersOf, outputOf, range, type Rule, type RuleContext, type Rules, shapeOf,
} from './rule.ts' // prettier-ignore
import { ungather } from './ungather.ts'

/** The elements stay in their order. */
const reshaped: Rule = (ctx) => [new Emit(ctx).reshape(gradOf(ctx), shapeOf(inputOf(ctx)))]

const transpose: Rule = (ctx) => {
  const { length: rank } = inputOf(ctx).shape
  const perm = attribute(ctx, 'perm', 'ints', range(rank).reverse())
  return [new Emit(ctx).transpose(gradOf(ctx), range(rank).map((axis) => perm.indexOf(axis)))] // prettier-ignore
}

const tile: Rule = (ctx) => {
  const e = new Emit(ctx)
  const sides = shapeOf(inputOf(ctx))
  const repeats = numbersOf(ctx, 1, 'repeats') ?? []
  const apart = e.reshape(gradOf(ctx), sides.flatMap((side, i) => [repeats[i] ?? 1, side])) // prettier-ignore
  return [e.reshape(e.sum(apart, range(sides.length).map((axis) => 2 * axis)), sides)] // prettier-ignore
}

const concat: Rule = (ctx) => {
  const e = new Emit(ctx)
  const grad = gradOf(ctx)
  const axis = axisOf(attribute(ctx, 'axis', 'int', 0), grad.shape.length)
  const sides = ctx.inputs.map((_, i) => shapeOf(inputOf(ctx, i))[axis] ?? 0)
  if (ctx.needs.every(Boolean)) return e.split(grad, axis, sides)
  let from = 0
  return sides.map((side, i) => {
    from += side
    return ctx.needs[i] ? e.slice(grad, axis, from - side, from) : undefined
  })
}

const split: Rule = (ctx) => {
  const e = new Emit(ctx)
  const axis = axisOf(attribute(ctx, 'axis', 'int', 0), inputOf(ctx).shape.length)
  return [e.concat(ctx.grads.map((grad, i) => grad ?? e.full(0, outputOf(ctx, i))), axis)] // prettier-ignore
}

/** The places along each axis that a Slice takes. */
const slicedPlaces = (ctx: RuleContext): ReadonlyMap<number, readonly number[]> => {
  const sides = shapeOf(inputOf(ctx))
  const starts = numbersOf(ctx, 1, 'starts') ?? []
  const ends = numbersOf(ctx, 2, 'ends') ?? []
  const axes = numbersOf(ctx, 3, 'axes') ?? range(starts.length)
  const steps = numbersOf(ctx, 4, 'steps') ?? []
  return new Map(
    axes.map((given, i) => {
      const axis = axisOf(given, sides.length)
      const side = sides[axis] ?? 0
      const step = steps[i] ?? 1
      const [low, high] = step > 0 ? [0, side] : [-1, side - 1]
      const clamped = (place = 0): number => Math.min(Math.max(place < 0 ? place + side : place, low), high)
      const from = Math.min(clamped(starts[i]), side - 1 + (step > 0 ? 1 : 0))
      return [axis, range(Math.max(0, Math.ceil((clamped(ends[i]) - from) / step))).map((n) => from + n * step)]
    }),
  )
}

const slice: Rule = (ctx) => {
  const e = new Emit(ctx)
  const sides = shapeOf(inputOf(ctx))
  const places = [...slicedPlaces(ctx)].filter(([axis, taken]) => !(taken.length === sides[axis] && taken[0] === 0))
  const before = sides.map(() => 0)
  const behind = sides.map(() => 0)
  const scattered: [number, readonly number[]][] = []
  for (const [axis, taken] of places) {
    const [first = 0, second = first + 1] = taken
    if (second !== first + 1) scattered.push([axis, taken])
    else {
      before[axis] = first
      behind[axis] = (sides[axis] ?? 0) - first - taken.length
    }
  }
  const spread = scattered.reduce((grad, [axis, taken]) => ungather(e, grad, axis, taken, sides[axis] ?? 0), gradOf(ctx))
  return [e.pad(spread, before, behind)]
}

/** The place in the input of each place along an axis that is padded by its own elements. */
const paddedPlaces = (mode: string, side: number, before: number, behind: number): readonly number[] =>
  range(before + side + behind).map((i) => {
    const place = i - before
    if (mode === 'edge') return Math.min(Math.max(place, 0), side - 1)
    if (mode === 'wrap') return ((place % side) + side) % side
    const period = Math.max(1, 2 * (side - 1))
    const folded = ((place % period) + period) % period
    return folded < side ? folded : period - folded
  })

const pad: Rule = (ctx) => {
  const e = new Emit(ctx)
  const grad = gradOf(ctx)
  const sides = shapeOf(inputOf(ctx))
  const pads = numbersOf(ctx, 1, 'pads') ?? []
  const axes = (numbersOf(ctx, 3, 'axes') ?? range(sides.length)).map((axis) => axisOf(axis, sides.length))
  const before = sides.map(() => 0)
  const behind = sides.map(() => 0)
  for (const [i, axis] of axes.entries()) {
    before[axis] = pads[i] ?? 0
    behind[axis] = pads[i + axes.length] ?? 0
  }
  const mode = attribute(ctx, 'mode', 'string', 'constant')
  if (mode !== 'constant') {
    // What is cut off comes first, so that the rest are places of the input.
    const folded = sides.reduce((g, side, axis) => {
      const [front = 0, back = 0] = [before[axis], behind[axis]]
      if (front === 0 && back === 0) return g
      if (front < 0 || back < 0)
        throw failure('unsupported', `${called(ctx.node)}: there is no gradient for negative pads of mode ${mode}; use a Slice for them`)
      return ungather(e, g, axis, paddedPlaces(mode, side, front, back), side)
    }, grad)
    return [folded]
  }
  const inner = e.pad(grad, before.map((n) => -n), behind.map((n) => -n)) // prettier-ignore
  const value = ctx.inputs[2]
  if (value === undefined || !ctx.needs[2]) return [inner]
  const all = (x: Value): Value => e.reshape(e.sum(x, range(x.shape.length)), shapeOf(value))
  return [inner, undefined, e.sub(all(grad), all(inner))]
}

/** The inverse of DepthToSpace in mode CRD; SpaceToDepth is that of the other. */
const depthToSpace: Rule = (ctx) => {
  const e = new Emit(ctx)
  const blocksize = attribute(ctx, 'blocksize', 'int', 1)
  const grad = gradOf(ctx)
  if (attribute(ctx, 'mode', 'string', 'DCR') === 'DCR') return [e.op('SpaceToDepth', [grad], { blocksize })]
  const [n = 1, c = 1, h = 1, w = 1] = shapeOf(grad)
  const apart = e.reshape(grad, [n, c, h / blocksize, blocksize, w / blocksize, blocksize])
  return [e.reshape(e.transpose(apart, [0, 1, 3, 5, 2, 4]), shapeOf(inputOf(ctx)))]
}

export const shapes: Rules = {
  Identity: (ctx) => [gradOf(ctx)],
  Cast: (ctx) => [new Emit(ctx).cast(gradOf(ctx), inputOf(ctx).dtype)],
  CastLike: (ctx) => [new Emit(ctx).cast(gradOf(ctx), inputOf(ctx).dtype)],
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: transpose,
  Expand: (ctx) => [new Emit(ctx).sumTo(gradOf(ctx), shapeOf(inputOf(ctx)))],
  Tile: tile,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: (ctx) => [
    new Emit(ctx).op('DepthToSpace', [gradOf(ctx)], { blocksize: attribute(ctx, 'blocksize', 'int', 1), mode: 'DCR' }),
  ],
  Trilu: (ctx) => [new Emit(ctx).op('Trilu', [gradOf(ctx), ctx.inputs[1]], { upper: attribute(ctx, 'upper', 'int', 1) })],
}
