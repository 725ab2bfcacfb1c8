import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { fitted, inputGradient, weightGradient } from './conv-gradients.ts'
import { attribute, gradOf, inputOf, range, type Rule, type RuleContext, type Rules, shapeOf } from './rule.ts'
import { attributesOfWindows, reach, type Windows, windowsOf } from './windows.ts'

/** A bias is added at every place of every sample. */
const biasGradient = (e: Emit, grad: Value): Value => e.sum(grad, range(grad.shape.length).filter((axis) => axis !== 1), false) // prettier-ignore

const conv: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [x, weights, grad] = [inputOf(ctx, 0), inputOf(ctx, 1), gradOf(ctx)]
  const sides = shapeOf(x).slice(2)
  const windows = windowsOf(ctx, shapeOf(weights).slice(2), sides)
  const group = attribute(ctx, 'group', 'int', 1)
  return [
    ctx.needs[0] ? inputGradient(e, grad, weights, sides, windows, group) : undefined,
    ctx.needs[1] ? weightGradient(e, x, grad, windows, group) : undefined,
    ctx.needs[2] ? biasGradient(e, grad) : undefined,
  ]
}

/** The windows over the *output* of a ConvTranspose, whose pads may follow from the shape that was asked for. */
const transposedWindows = (ctx: RuleContext, kernel: readonly number[], inner: readonly number[], outer: readonly number[]): Windows => {
  const auto = attribute(ctx, 'auto_pad', 'string', 'NOTSET')
  const windows = windowsOf({ node: { ...ctx.node, attributes: { ...ctx.node.attributes, auto_pad: { type: 'string', value: 'NOTSET' } } } }, kernel, outer) // prettier-ignore
  if (auto === 'NOTSET' && ctx.node.attributes['output_shape'] === undefined) return windows
  const extra = attribute(ctx, 'output_padding', 'ints', kernel.map(() => 0)) // prettier-ignore
  const totals = outer.map((side, i) =>
    Math.max(0, ((inner[i] ?? 1) - 1) * (windows.strides[i] ?? 1) + (extra[i] ?? 0) + reach(windows, i) - side),
  )
  const halves = totals.map((total) => Math.floor(total / 2))
  const others = totals.map((total, i) => total - (halves[i] ?? 0))
  return auto === 'SAME_UPPER' ? { ...windows, before: halves, behind: others } : { ...windows, before: others, behind: halves }
}

const convTranspose: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [x, weights, grad] = [inputOf(ctx, 0), inputOf(ctx, 1), gradOf(ctx)]
  const [inner, outer] = [shapeOf(x).slice(2), shapeOf(grad).slice(2)]
  const windows = transposedWindows(ctx, shapeOf(weights).slice(2), inner, outer)
  const group = attribute(ctx, 'group', 'int', 1)
  // Exactly the places that the windows wrote to: the output may have been cut or padded beyond them.
  const written = inner.map((side, i) => (side - 1) * (windows.strides[i] ?? 1) + reach(windows, i))
  const flow = fitted(e, grad, windows.before.map((pad) => -pad), written) // prettier-ignore
  const bare = { ...windows, before: inner.map(() => 0), behind: inner.map(() => 0) }
  return [
    ctx.needs[0] ? e.op('Conv', [flow, weights], { ...attributesOfWindows(bare), group }) : undefined,
    ctx.needs[1] ? weightGradient(e, flow, x, bare, group) : undefined,
    ctx.needs[2] ? biasGradient(e, grad) : undefined,
  ]
}

export const convolutions: Rules = { Conv: conv, ConvTranspose: convTranspose }
