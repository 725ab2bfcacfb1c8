import { failure } from '../../core/errors.ts'
import type { Node } from '../../graph/graph.ts'
import { attribute, called, range } from './rule.ts'

/** Where the windows of a convolution or a pool lie, one number for each spatial axis. */
export interface Windows {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly before: readonly number[]
  readonly behind: readonly number[]
}

/** How far a window reaches: its elements and the gaps between them. */
export const reach = ({ kernel, dilations }: Windows, axis: number): number => ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1

/** The windows of a node over an input of these sides, its `auto_pad` worked out. */
export const windowsOf = (ctx: { readonly node: Node }, kernel: readonly number[], sides: readonly number[]): Windows => {
  const rank = kernel.length
  const strides = attribute(ctx, 'strides', 'ints', range(rank).map(() => 1)) // prettier-ignore
  const dilations = attribute(ctx, 'dilations', 'ints', range(rank).map(() => 1)) // prettier-ignore
  const auto = attribute(ctx, 'auto_pad', 'string', 'NOTSET')
  const pads = attribute(ctx, 'pads', 'ints', range(2 * rank).map(() => 0)) // prettier-ignore
  const windows = { kernel, strides, dilations, before: pads.slice(0, rank), behind: pads.slice(rank) }
  if (auto === 'NOTSET') return windows
  if (auto === 'VALID') return { ...windows, before: range(rank).map(() => 0), behind: range(rank).map(() => 0) }
  if (auto !== 'SAME_UPPER' && auto !== 'SAME_LOWER')
    throw failure('bad-model', `${called(ctx.node)}: auto_pad "${auto}" is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER`)
  const totals = sides.map((side, axis) => {
    const stride = strides[axis] ?? 1
    return Math.max(0, (Math.ceil(side / stride) - 1) * stride + reach(windows, axis) - side)
  })
  const halves = totals.map((total) => Math.floor(total / 2))
  const others = totals.map((total, axis) => total - (halves[axis] ?? 0))
  return auto === 'SAME_UPPER' ? { ...windows, before: halves, behind: others } : { ...windows, before: others, behind: halves }
}

/** The attributes of these windows, for a node of our own. */
export const attributesOfWindows = ({ kernel, strides, dilations, before, behind }: Windows): Record<string, readonly number[]> => ({
  kernel_shape: kernel,
  strides,
  dilations,
  pads: [...before, ...behind],
})

/** Every place in a window, the last axis first to change. */
export const offsetsOf = (kernel: readonly number[]): readonly (readonly number[])[] =>
  kernel.reduce<readonly (readonly number[])[]>((heads, side) => heads.flatMap((head) => range(side).map((i) => [...head, i])), [[]])
