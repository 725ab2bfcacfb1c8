import type { Dim, ValueType } from '../graph.ts'
import type { InferRule, NodeContext } from './context.ts'

/** What a window that moves over an image does to its sides. */
interface Window {
  readonly kernel: readonly Dim[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Begins of all axes, then ends. */
  readonly pads: readonly number[]
  readonly autoPad: string
}

const perAxis = (at: NodeContext, name: string, axes: number, least: number, otherwise: number): readonly number[] => {
  const found = at.ints(name) ?? Array.from({ length: axes }, () => otherwise)
  if (found.length !== axes)
    throw at.wrong(`its attribute "${name}" has ${found.length} numbers for ${axes} axes of an image`, `give it ${axes}`)
  const bad = found.find((number) => number < least)
  if (bad !== undefined) throw at.wrong(`its attribute "${name}" has a ${bad}`, `the least is ${least}`)
  return found
}

const windowOf = (at: NodeContext, axes: number, kernel: readonly Dim[]): Window => {
  const pads = at.ints('pads') ?? Array.from({ length: 2 * axes }, () => 0)
  if (pads.length !== 2 * axes)
    throw at.wrong(`its attribute "pads" has ${pads.length} numbers`, `give it ${2 * axes}, begins and then ends`)
  return {
    kernel,
    strides: perAxis(at, 'strides', axes, 1, 1),
    dilations: perAxis(at, 'dilations', axes, 1, 1),
    pads,
    autoPad: at.attribute('auto_pad', 'string') ?? 'NOTSET',
  }
}

/** How many places a window takes along one axis. */
const places = (at: NodeContext, window: Window, axis: number, side: Dim, ceil = false): Dim => {
  const axes = window.kernel.length
  const [kernel = 1, stride = 1, dilation = 1] = [window.kernel[axis], window.strides[axis], window.dilations[axis]]
  const same = window.autoPad.startsWith('SAME')
  const begin = window.autoPad === 'NOTSET' ? (window.pads[axis] ?? 0) : 0
  const pad = window.autoPad === 'NOTSET' ? begin + (window.pads[axis + axes] ?? 0) : 0
  // onnxruntime refuses this in a Conv and pads a MaxPool for a kernel without dilation: nothing that one could train on.
  if (same && dilation > 1) throw at.wrong(`it has dilations with auto_pad ${window.autoPad}`, 'state its pads', 'unsupported')
  if (same && stride === 1) return side
  if (typeof side === 'string' || typeof kernel === 'string') {
    const keeps = typeof kernel === 'number' && !same && stride === 1 && pad === (kernel - 1) * dilation
    return keeps ? side : at.fresh(axis + 2)
  }
  if (same) {
    const count = Math.ceil(side / stride)
    // The padding would be below zero: a Conv of onnxruntime begins at the first element then, a pool skips some.
    if ((count - 1) * stride + kernel < side)
      throw at.wrong(
        `auto_pad ${window.autoPad} pads nothing where windows of ${kernel} are ${stride} apart on a side of ${side}, and where they begin is not defined`,
        'state its pads: 0 for windows that begin at the first element',
        'unsupported',
      )
    return count
  }
  const room = side + pad - ((kernel - 1) * dilation + 1)
  if (room < 0)
    throw at.wrong(
      `a window of ${(kernel - 1) * dilation + 1} does not fit a side of ${side} with padding ${pad}`,
      'pad more, or use a smaller kernel',
    )
  if (!ceil) return Math.floor(room / stride) + 1
  const count = Math.ceil(room / stride) + 1
  // Such a window does not count, but onnxruntime infers shapes with it, and then refuses what takes the result.
  if ((count - 1) * stride >= side + begin)
    throw at.wrong(
      `its ceil_mode adds a window that begins behind the image, in the padding at the end of axis ${axis + 2}`,
      `set ceil_mode to 0 there, or take ${room % stride} from that padding: the windows inside stay the same`,
      'unsupported',
    )
  return count
}

const image = (at: NodeContext): ValueType => at.rank(0, 3, Infinity)

const checkKernel = (at: NodeContext, weight: readonly Dim[]): readonly Dim[] => {
  const given = at.ints('kernel_shape')
  const own = weight.slice(2)
  if (given === undefined) return own
  if (given.length !== own.length || own.some((side, i) => typeof side === 'number' && side !== given[i]))
    throw at.wrong(`its kernel_shape [${given.join(', ')}] is not that of its weights`, 'leave the attribute out, or correct it')
  return given
}

const biasFits = (at: NodeContext, i: number, channels: Dim | undefined): void => {
  if (!at.has(i)) return
  const { shape } = at.rank(i, 1)
  if (typeof shape[0] === 'number' && typeof channels === 'number' && shape[0] !== channels)
    throw at.wrong(`its bias has ${shape[0]} numbers for ${channels} channels`, 'give one for each channel it makes')
}

const conv: InferRule = (at) => {
  const x = image(at)
  const w = at.rank(1, x.shape.length)
  at.sameDType(x, w, at.optional(2))
  const group = at.int('group', 1)
  const [channels = 1, within = 1, out = 1] = [x.shape[1], w.shape[1], w.shape[0]]
  if (group < 1 || (typeof out === 'number' && out % group !== 0))
    throw at.wrong(`${out} channels do not make ${group} groups`, 'correct the attribute "group"')
  if (typeof channels === 'number' && typeof within === 'number' && channels !== within * group)
    throw at.wrong(
      `its input has ${channels} channels, its weights take ${within} in each of ${group} groups`,
      'make them equal, or correct "group"',
    )
  biasFits(at, 2, out)
  const window = windowOf(at, x.shape.length - 2, checkKernel(at, w.shape))
  return [{ dtype: x.dtype, shape: [x.shape[0] ?? 1, out, ...x.shape.slice(2).map((side, i) => places(at, window, i, side))] }]
}

const convTranspose: InferRule = (at) => {
  const x = image(at)
  const w = at.rank(1, x.shape.length)
  at.sameDType(x, w, at.optional(2))
  const axes = x.shape.length - 2
  const group = at.int('group', 1)
  const [channels = 1, into = 1, per = 1] = [x.shape[1], w.shape[0], w.shape[1]]
  if (typeof channels === 'number' && typeof into === 'number' && (channels !== into || group < 1 || into % group !== 0))
    throw at.wrong(`its input has ${channels} channels, its weights take ${into} in ${group} groups`, 'make them equal, or correct "group"')
  const out = typeof per === 'number' ? per * group : group === 1 ? per : at.fresh(1)
  biasFits(at, 2, out)
  const { kernel, strides, dilations, pads, autoPad } = windowOf(at, axes, checkKernel(at, w.shape))
  const extra = perAxis(at, 'output_padding', axes, 0, 0)
  const given = at.ints('output_shape')
  const sides = x.shape.slice(2).map((side, i): Dim => {
    const [size, stride = 1, dilation = 1] = [kernel[i], strides[i], dilations[i]]
    const stated = given?.[i - axes + given.length]
    if (stated !== undefined) {
      // onnxruntime infers no whole shape then.
      if (typeof side === 'number' && stated < side)
        throw at.wrong(`its output_shape asks for ${stated} of a side of ${side}`, 'cut it by a Slice behind', 'unsupported')
      return stated
    }
    if (typeof side !== 'number' || typeof size !== 'number') return at.fresh(i + 2)
    const full = stride * (side - 1) + (extra[i] ?? 0) + (size - 1) * dilation + 1
    if (autoPad.startsWith('SAME')) {
      // ONNX asks for side * stride: where that takes padding below zero, or an extra, onnxruntime infers one shape and computes another.
      if ((extra[i] ?? 0) > 0 || full < side * stride)
        throw at.wrong(`it has auto_pad ${autoPad} with output_padding, or with windows shorter than their stride`, 'state its pads', 'unsupported') // prettier-ignore
      return side * stride
    }
    return full - (autoPad === 'NOTSET' ? (pads[i] ?? 0) + (pads[i + axes] ?? 0) : 0)
  })
  const bad = sides.find((side) => typeof side === 'number' && side < 1)
  if (bad !== undefined) throw at.wrong(`it gives a side of ${bad}`, 'pad less, or give it a larger image')
  return [{ dtype: x.dtype, shape: [x.shape[0] ?? 1, out, ...sides] }]
}

const pool: InferRule = (at) => {
  const x = image(at)
  const kernel = at.ints('kernel_shape')
  if (kernel === undefined || kernel.length !== x.shape.length - 2)
    throw at.wrong('its attribute "kernel_shape" has not one number for each axis of the image', `give it ${x.shape.length - 2}`)
  const window = windowOf(at, kernel.length, kernel)
  const ceil = at.int('ceil_mode', 0) !== 0
  const shape = [...x.shape.slice(0, 2), ...x.shape.slice(2).map((side, i) => places(at, window, i, side, ceil))]
  return [{ dtype: x.dtype, shape }, ...(at.node.op === 'MaxPool' ? [{ dtype: 'int64', shape } as const] : [])]
}

const globalPool: InferRule = (at) => {
  const { dtype, shape } = at.rank(0, 2, Infinity)
  return [{ dtype, shape: [...shape.slice(0, 2), ...shape.slice(2).map(() => 1)] }]
}

export const windows: Readonly<Record<string, InferRule>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
}
