import type { Value } from '../../graph/builder.ts'
import { Tensor } from '../../core/tensor.ts'
import { Emit } from '../emit.ts'
import { fitted } from './conv-gradients.ts'
import { attribute, gradOf, inputOf, outputOf, range, type Rule, type RuleContext, type Rules, shapeOf, sizeOf } from './rule.ts'
import { attributesOfWindows, type Windows, windowsOf } from './windows.ts'

const windowsOfPool = (ctx: RuleContext): Windows => {
  const sides = shapeOf(inputOf(ctx)).slice(2)
  return windowsOf(ctx, attribute(ctx, 'kernel_shape', 'ints', []), sides)
}

/** Whether each place of the input lies in at most one window, the windows side by side from the first place on. */
const sideBySide = ({ kernel, strides, dilations, before, behind }: Windows): boolean =>
  kernel.every((side, i) => side === strides[i] && (side === 1 || dilations[i] === 1) && before[i] === 0 && behind[i] === 0)

/** Each element repeated over its window of `kernel` places, cut or padded to the input's sides. */
const spread = (e: Emit, x: Value, kernel: readonly number[], sides: readonly number[]): Value => {
  const [n = 1, c = 1, ...outer] = shapeOf(x)
  const apart = e.reshape(x, [n, c, ...outer.flatMap((side) => [side, 1])])
  const wide = e.expand(apart, [n, c, ...outer.flatMap((side, i) => [side, kernel[i] ?? 1])])
  const joined = e.reshape(wide, [n, c, ...outer.map((side, i) => side * (kernel[i] ?? 1))])
  return fitted(
    e,
    joined,
    kernel.map(() => 0),
    sides,
  )
}

const maxPool: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [x, grad] = [inputOf(ctx), gradOf(ctx)]
  const sides = shapeOf(x)
  const indices = ctx.outputs[1] ?? indicesOf(e, ctx)
  const count = sizeOf(shapeOf(grad))
  const zeros = e.full(0, x, [sizeOf(sides)])
  const flat = e.op('ScatterElements', [zeros, e.reshape(indices, [count]), e.reshape(grad, [count])], { axis: 0, reduction: 'add' })
  return [e.reshape(flat, sides)]
}

/** A graph that was not lowered does not give the places: the pool is run once more for them. */
const indicesOf = (e: Emit, ctx: RuleContext): Value => {
  const [, indices] = e.b.node({
    ...ctx.node,
    name: e.b.fresh(`${ctx.node.name}/places`),
    outputs: [e.b.fresh(`${ctx.node.name}/again`), e.b.fresh(`${ctx.node.name}/indices`)],
    attributes: { ...ctx.node.attributes, storage_order: { type: 'int', value: 0 } },
  })
  return indices ?? outputOf(ctx, 1)
}

/** How many elements each window's mean is of, along one axis. */
const countsAlong = (windows: Windows, axis: number, side: number, outer: number, withPads: boolean): number[] => {
  const { kernel, strides, dilations, before, behind } = windows
  const [low, high] = withPads ? [-(before[axis] ?? 0), side + (behind[axis] ?? 0)] : [0, side]
  return range(outer).map((place) => {
    const from = place * (strides[axis] ?? 1) - (before[axis] ?? 0)
    return range(kernel[axis] ?? 1).filter((i) => {
      const read = from + i * (dilations[axis] ?? 1)
      return read >= low && read < high
    }).length
  })
}

const averagePool: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [x, grad] = [inputOf(ctx), gradOf(ctx)]
  const [n = 1, c = 1, ...sides] = shapeOf(x)
  const outer = shapeOf(grad).slice(2)
  const windows = windowsOfPool(ctx)
  const withPads = attribute(ctx, 'count_include_pad', 'int', 0) === 1
  const along = outer.map((side, axis) => countsAlong(windows, axis, sides[axis] ?? 1, side, withPads))
  const counts = along.reduce<number[]>((products, next) => products.flatMap((product) => next.map((count) => product * count)), [1])
  const [first = 1] = counts
  const share = counts.every((count) => count === first)
    ? e.div(grad, first)
    : e.div(grad, e.cast(e.b.constant(new Tensor('float32', Float32Array.from(counts), outer)), grad.dtype))
  if (sideBySide(windows)) return [spread(e, share, windows.kernel, sides)]
  // A convolution of ones, turned; channels are samples to it, so it has one channel.
  const ones = e.full(1, grad, [1, 1, ...windows.kernel])
  const bare = { ...windows, before: outer.map(() => 0), behind: outer.map(() => 0) }
  const whole = e.op('ConvTranspose', [e.reshape(share, [n * c, 1, ...outer]), ones], attributesOfWindows(bare))
  return [e.reshape(fitted(e, whole, windows.before, sides), shapeOf(x))]
}

const spatialAxes = (x: Value): readonly number[] => range(x.shape.length - 2).map((i) => i + 2)

const globalAveragePool: Rule = (ctx) => {
  const e = new Emit(ctx)
  const sides = shapeOf(inputOf(ctx))
  return [e.expand(e.div(gradOf(ctx), sizeOf(sides.slice(2))), sides)]
}

const globalMaxPool: Rule = (ctx) => {
  const e = new Emit(ctx)
  const x = inputOf(ctx)
  const held = e.cast(e.op('Equal', [x, outputOf(ctx)]), x.dtype)
  return [e.mul(held, e.div(gradOf(ctx), e.sum(held, spatialAxes(x))))]
}

export const pools: Rules = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
}
