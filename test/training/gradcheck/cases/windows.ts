import { item } from '../../reference/nd.ts'
import type { Plain } from '../../../../src/graph/attributes.ts'
import { type Draw, type Kind, kinked, smooth } from '../case.ts'

interface Drawn {
  readonly sides: readonly number[]
  readonly kernel: readonly number[]
  readonly attributes: Readonly<Record<string, Plain>>
}

/** Windows over one side, two, or seldom three: strides, dilations, pads of both kinds; each side holds a window at least. */
const windows = (draw: Draw, { dilated = true, smallPads = false } = {}): Drawn => {
  const rank = draw.pick(1, 1, 1, 2, 2, 2, 3)
  const list = (make: () => number) => Array.from({ length: rank }, make)
  const kernel = list(() => draw.int(1, rank === 3 ? 2 : 3))
  const strides = draw.maybe(() => list(() => draw.int(1, 3)))
  const dilations = dilated ? draw.maybe(() => list(() => draw.int(1, 2))) : undefined
  const span = (d: number) => ((kernel[d] ?? 1) - 1) * (dilations?.[d] ?? 1) + 1
  const sides = kernel.map((_, d) => span(d) + draw.int(0, item([5, 3, 1], rank - 1)))
  // A pooling window must not lie in the padding alone.
  const pad = (d: number) => draw.int(0, smallPads ? (kernel[d] ?? 1) - 1 : 2)
  const form = draw.int(0, 5)
  if (form === 0) {
    // Where a window is shorter than its stride, the padding may be below zero: that is refused.
    const within = strides?.map((stride, d) => Math.min(stride, kernel[d] ?? 1))
    return { sides, kernel, attributes: { strides: within, dilations: undefined, auto_pad: draw.pick('SAME_UPPER', 'SAME_LOWER') } }
  }
  if (form === 1) return { sides, kernel, attributes: { strides, dilations, auto_pad: 'VALID' } }
  const both = kernel.map((_, d) => d)
  const pads = draw.maybe(() => [...both.map(pad), ...both.map(pad)])
  return { sides, kernel, attributes: { strides, dilations, pads } }
}

const conv = smooth((draw) => {
  const { sides, kernel, attributes } = windows(draw)
  const group = draw.pick(1, 1, 2, 3)
  const [depth, perGroup] = [draw.int(1, 2), draw.int(1, 2)]
  const inputs = [draw.input([draw.int(1, 2), group * depth, ...sides]), draw.input([group * perGroup, depth, ...kernel])]
  if (draw.flag()) inputs.push(draw.input([group * perGroup]))
  return draw.of(draw.op('Conv', inputs, { ...attributes, group, kernel_shape: draw.maybe(() => kernel) }))
})

const convTranspose = smooth((draw) => {
  const rank = draw.int(1, 2)
  const list = (make: () => number) => Array.from({ length: rank }, make)
  const kernel = list(() => draw.int(1, 3))
  const form = draw.int(0, 4)
  // A window of auto_pad is as long as its stride at least.
  const strides = kernel.map((side) => draw.int(1, form === 1 ? side : 3))
  const dilations = list(() => draw.int(1, 2))
  const sides = list(() => draw.int(1, 3))
  const group = draw.pick(1, 1, 2)
  const [depth, perGroup] = [draw.int(1, 2), draw.int(1, 2)]
  // Less than the stride or the dilation, as ONNX has it; pads leave one place at least.
  const extra = strides.map((stride) => (form === 1 ? 0 : draw.int(0, stride - 1)))
  const full = sides.map((side, d) => (strides[d] ?? 1) * (side - 1) + (extra[d] ?? 0) + ((kernel[d] ?? 1) - 1) * (dilations[d] ?? 1) + 1)
  const before = full.map((side) => draw.int(0, Math.min(2, side - 1)))
  const after = full.map((side, d) => draw.int(0, Math.min(2, side - 1 - (before[d] ?? 0))))
  const inputs = [draw.input([draw.int(1, 2), group * depth, ...sides]), draw.input([group * depth, perGroup, ...kernel])]
  if (draw.flag()) inputs.push(draw.input([group * perGroup]))
  const auto = draw.pick('NOTSET', 'SAME_UPPER', 'SAME_LOWER')
  // The sides that are asked for, or those of the strides alone: what there is beyond them is cut.
  const asked = full.map((side, d) => draw.int(Math.max(sides[d] ?? 1, side - 3), side))
  const edges = form === 0 ? { output_shape: asked, auto_pad: auto } : form === 1 ? { auto_pad: auto } : { pads: [...before, ...after] }
  return draw.of(draw.op('ConvTranspose', inputs, { strides, dilations, group, output_padding: extra, ...edges }))
})

/** Whether sides are rounded up. Not where that adds a window which lies in the padding behind alone: that is refused. */
const ceilMode = (draw: Draw, { sides, kernel, attributes: { strides, dilations, pads, auto_pad: auto } }: Drawn): number | undefined => {
  if (auto !== undefined) return undefined
  const at = (list: Plain, d: number, otherwise: number): number => (Array.isArray(list) ? Number(list[d] ?? otherwise) : otherwise)
  const fits = sides.every((side, d) => {
    const [stride, before] = [at(strides, d, 1), at(pads, d, 0)]
    const room = side + before + at(pads, d + sides.length, 0) - ((kernel[d] ?? 1) - 1) * at(dilations, d, 1) - 1
    return Math.ceil(room / stride) * stride < side + before
  })
  return draw.pick(undefined, 0, fits ? 1 : 0)
}

const maxPool = kinked('elements keep 0.1 from each other', (draw) => {
  const drawn = windows(draw, { smallPads: true })
  const { sides, kernel, attributes } = drawn
  const x = draw.input([draw.int(1, 2), draw.int(1, 2), ...sides], 'distinct')
  const ceil = ceilMode(draw, drawn)
  return draw.of(draw.op('MaxPool', [x], { ...attributes, kernel_shape: kernel, ceil_mode: ceil }))
})

const averagePool = smooth((draw) => {
  const drawn = windows(draw, { smallPads: true })
  const { sides, kernel, attributes } = drawn
  const x = draw.input([draw.int(1, 2), draw.int(1, 2), ...sides])
  const ceil = ceilMode(draw, drawn)
  const include = draw.pick(undefined, 0, 1)
  return draw.of(draw.op('AveragePool', [x], { ...attributes, kernel_shape: kernel, ceil_mode: ceil, count_include_pad: include }))
})

const image = (draw: Draw): number[] => [draw.int(1, 2), draw.int(1, 3), ...draw.sides(1, 2)]

export const convolutions: Readonly<Record<string, Kind>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: smooth((draw) => draw.of(draw.op('GlobalAveragePool', [draw.input(image(draw))]))),
  GlobalMaxPool: kinked('elements keep 0.1 from each other', (draw) =>
    draw.of(draw.op('GlobalMaxPool', [draw.input(image(draw), 'distinct')])),
  ),
}
