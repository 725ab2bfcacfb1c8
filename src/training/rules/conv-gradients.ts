import type { Value } from '../../graph/builder.ts'
import type { Emit } from '../emit.ts'
import { range, shapeOf, sizeOf } from './rule.ts'
import { attributesOfWindows, offsetsOf, reach, type Windows } from './windows.ts'

/**
 * The gradient of a convolution's input [N, C, ...sides], of that of its output and its weights [M, C / groups, ...].
 * At stride 1 it is a convolution with the weights turned over, which has the fastest kernel; otherwise a ConvTranspose.
 */
export const inputGradient = (e: Emit, grad: Value, weights: Value, sides: readonly number[], windows: Windows, group: number): Value => {
  const { strides, before, behind } = windows
  const turned = { ...windows, before: before.map((pad, i) => reach(windows, i) - 1 - pad), behind: behind.map((pad, i) => reach(windows, i) - 1 - pad) } // prettier-ignore
  const fits = [...turned.before, ...turned.behind].every((pad) => pad >= 0)
  if (strides.every((stride) => stride === 1) && fits)
    return e.op('Conv', [grad, turnedOver(e, weights, group)], { ...attributesOfWindows(turned), group })
  return convTranspose(e, grad, weights, sides, windows, group)
}

const convTranspose = (e: Emit, grad: Value, weights: Value, sides: readonly number[], windows: Windows, group: number): Value => {
  const outer = shapeOf(grad).slice(2)
  const { strides, dilations, before, behind } = windows
  // What the last window does not reach was not read: ConvTranspose has to be told of it.
  const unread = sides.map(
    (side, i) => side + (before[i] ?? 0) + (behind[i] ?? 0) - ((outer[i] ?? 1) - 1) * (strides[i] ?? 1) - reach(windows, i),
  )
  const allowed = unread.every((rest, i) => rest >= 0 && rest < Math.max(strides[i] ?? 1, dilations[i] ?? 1))
  const attributes = { ...attributesOfWindows(windows), group }
  if (allowed) return e.op('ConvTranspose', [grad, weights], { ...attributes, output_padding: unread })
  const whole = e.op('ConvTranspose', [grad, weights], { ...attributes, pads: range(2 * sides.length).map(() => 0) })
  return fitted(e, whole, before, sides)
}

/** The part of a padded tensor's gradient that belongs to the tensor of these sides. */
export const fitted = (e: Emit, whole: Value, before: readonly number[], sides: readonly number[]): Value => {
  const front = [0, 0, ...before.map((pad) => -pad)]
  const back = [0, 0, ...sides.map((side, i) => side + (before[i] ?? 0) - (shapeOf(whole)[i + 2] ?? 0))]
  // Pad takes negative and positive numbers at once.
  return e.pad(whole, front, back)
}

/**
 * Weights [M, C / group, ...] as [C, M / group, ...], each window turned over while whole rows of M / group lie together:
 * element by element that takes twice as long.
 */
const turnedOver = (e: Emit, weights: Value, group: number): Value => {
  const [m = 1, c = 1, ...kernel] = shapeOf(weights)
  const [elements, each] = [sizeOf(kernel), m / group]
  const rows = e.reshape(e.transpose(e.reshape(weights, [group, each, c * elements]), [0, 2, 1]), [group, c, elements, each])
  const turned = elements === 1 ? rows : e.gather(rows, range(elements).reverse(), 2)
  return e.reshape(e.transpose(turned, [0, 1, 3, 2]), [group * c, each, ...kernel])
}

/**
 * The gradient of a convolution's weights [M, C / group, ...]: matrix products of what each element of a window read with
 * the gradient of what it went to. A convolution with a large kernel, the textbook's form, takes 2.5 times as long.
 */
export const weightGradient = (e: Emit, x: Value, grad: Value, windows: Windows, group: number): Value => {
  const [, channels = 1] = shapeOf(x)
  const [, m = 1] = shapeOf(grad)
  const each = { channels: channels / group, m: m / group }
  const flat =
    group === 1 ? denseGradient(e, x, grad, windows) : each.channels === 1 && each.m === 1 ? depthwiseGradient(e, x, grad, windows) : groupedGradient(e, x, grad, windows, group) // prettier-ignore
  return e.reshape(flat, [m, each.channels, ...windows.kernel])
}

const last = (e: Emit, x: Value): Value => e.transpose(x, [0, ...range(x.shape.length - 2).map((i) => i + 2), 1])

/** What each element of the windows reads, in turn: `first` is the first spatial axis of x. */
const shifted = (e: Emit, x: Value, windows: Windows, outer: readonly number[], first: 1 | 2): readonly Value[] => {
  const { kernel, strides, dilations, before } = windows
  const sides = shapeOf(x).slice(first, first + kernel.length)
  const around = (spatial: readonly number[]): number[] => (first === 2 ? [0, 0, ...spatial] : [0, ...spatial, 0])
  const needed = outer.map((side, i) => (side - 1) * (strides[i] ?? 1) + reach(windows, i))
  const padded = e.pad(x, around(before), around(needed.map((need, i) => need - (sides[i] ?? 0) - (before[i] ?? 0))))
  return offsetsOf(kernel).map((offset) => {
    const from = offset.map((place, i) => place * (dilations[i] ?? 1))
    const axes = from.map((_, i) => i + first)
    const to = from.map((start, i) => start + ((outer[i] ?? 1) - 1) * (strides[i] ?? 1) + 1)
    if (from.every((start, i) => start === 0 && to[i] === needed[i]) && strides.every((stride) => stride === 1)) return padded
    return e.op('Slice', [padded, e.b.ints(...from), e.b.ints(...to), e.b.ints(...axes), e.b.ints(...strides)])
  })
}

/** With fewer channels than this, what the elements of a window read is one wide matrix: products of so few columns are slow. */
const NARROW = 16

/**
 * A product for each element of the windows. Where the places of one sample are many, a product for each sample, and
 * their sum: that takes the gradient as it lies. Otherwise one over all samples. Measured on the shapes of ResNet-18.
 */
const denseGradient = (e: Emit, x: Value, grad: Value, windows: Windows): Value => {
  const [n = 1, m = 1, ...outer] = shapeOf(grad)
  const [, channels = 1] = shapeOf(x)
  const [places, elements] = [sizeOf(outer), sizeOf(windows.kernel)]
  const parts = shifted(e, last(e, x), windows, outer, 1).map((part) => e.reshape(part, [n, places, channels]))
  const wide = channels < NARROW
  const read = wide ? [e.concat(parts, 2)] : parts
  const bySample = places >= Math.max(m, channels)
  const flow = bySample ? e.reshape(grad, [n, m, places]) : e.reshape(e.transpose(grad, [1, 0, ...outer.map((_, i) => i + 2)]), [m, n * places]) // prettier-ignore
  const products = read.map((part) => (bySample ? e.sum(e.matmul(flow, part), [0], false) : e.matmul(flow, e.rows(part, 1))))
  if (wide) return e.transpose(e.reshape(e.concat(products, 0), [m, elements, channels]), [0, 2, 1])
  return e.transpose(e.reshape(e.concat(products, 0), [elements, m, channels]), [1, 2, 0])
}

/** One channel in, one out: sums of elementwise products. */
const depthwiseGradient = (e: Emit, x: Value, grad: Value, windows: Windows): Value => {
  const [, m = 1, ...outer] = shapeOf(grad)
  const axes = [0, ...outer.map((_, i) => i + 2)]
  return e.concat(shifted(e, x, windows, outer, 2).map((part) => e.reshape(e.sum(e.mul(part, grad), axes, false), [m, 1])), 1) // prettier-ignore
}

const groupedGradient = (e: Emit, x: Value, grad: Value, windows: Windows, group: number): Value => {
  const [n = 1, m = 1, ...outer] = shapeOf(grad)
  const channels = (shapeOf(x)[1] ?? 1) / group
  const places = n * sizeOf(outer)
  const parts = shifted(e, last(e, x), windows, outer, 1).map((part) => e.reshape(part, [places, group, channels]))
  const read = e.transpose(e.concat(parts, 2), [1, 0, 2])
  const flow = e.transpose(e.reshape(last(e, grad), [places, group, m / group]), [1, 2, 0])
  const product = e.reshape(e.matmul(flow, read), [group, m / group, sizeOf(windows.kernel), channels])
  return e.transpose(product, [0, 1, 3, 2])
}
