import type { Call } from './call.ts'
import { each, item } from './nd.ts'

/** How windows lie over the spatial sides of an input. */
export interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** How many windows there are on each side. */
  readonly count: readonly number[]
}

export const windowsOf = (call: Call, sides: readonly number[], kernel: readonly number[]): Windows => {
  const strides = call.ints('strides') ?? sides.map(() => 1)
  const dilations = call.ints('dilations') ?? sides.map(() => 1)
  const spans = kernel.map((side, d) => (side - 1) * item(dilations, d) + 1)
  const auto = call.text('auto_pad', 'NOTSET')
  const pads = call.ints('pads') ?? [...sides, ...sides].map(() => 0)
  let before = sides.map((_, d) => (auto === 'NOTSET' ? item(pads, d) : 0))
  let after = sides.map((_, d) => (auto === 'NOTSET' ? item(pads, d + sides.length) : 0))
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const total = sides.map((side, d) => {
      const stride = item(strides, d)
      return Math.max(0, (Math.ceil(side / stride) - 1) * stride + item(spans, d) - side)
    })
    const small = total.map((sum) => Math.floor(sum / 2))
    const large = total.map((sum) => Math.ceil(sum / 2))
    ;[before, after] = auto === 'SAME_UPPER' ? [small, large] : [large, small]
  }
  const count = sides.map((side, d) => {
    const stride = item(strides, d)
    const room = side + item(before, d) + item(after, d) - item(spans, d)
    if (!call.flag('ceil_mode')) return Math.floor(room / stride) + 1
    const windows = Math.ceil(room / stride) + 1
    // A window that would begin in the padding behind the input is left out.
    return (windows - 1) * stride >= side + item(before, d) ? windows - 1 : windows
  })
  return { kernel, strides, dilations, before, after, count }
}

/** Calls back for each element of a window, with its place in the input, which may lie in the padding. */
export const eachInWindow = (w: Windows, window: readonly number[], visit: (from: number[], inKernel: readonly number[]) => void): void => {
  each(w.kernel, (k) => {
    visit(
      k.map((i, d) => item(window, d) * item(w.strides, d) + i * item(w.dilations, d) - item(w.before, d)),
      k,
    )
  })
}

export const isInside = (at: readonly number[], sides: readonly number[]): boolean => at.every((i, d) => i >= 0 && i < item(sides, d))
