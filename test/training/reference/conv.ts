import type { Family, Op } from './call.ts'
import { each, item, make, placeOf, read, sizeOf } from './nd.ts'
import { eachInWindow, isInside, windowsOf } from './windows.ts'

const conv: Op = (call) => {
  const [x, weight, bias] = [call.get(0), call.get(1), call.maybe(2)]
  const [n = 0, , ...sides] = x.shape
  const [filters = 0, depth = 0, ...kernel] = weight.shape
  const perGroup = filters / call.int('group', 1)
  const w = windowsOf(call, sides, kernel)
  return [
    make(x.dtype, [n, filters, ...w.count], ([i = 0, filter = 0, ...window]) => {
      const first = Math.floor(filter / perGroup) * depth
      let sum = bias ? item(bias.data, filter) : 0
      eachInWindow(w, window, (from, k) => {
        if (!isInside(from, sides)) return
        for (let c = 0; c < depth; c++) sum += read(x, [i, first + c, ...from]) * read(weight, [filter, c, ...k])
      })
      return sum
    }),
  ]
}

/** The padding in front and the sides of the output. */
const transposedSides = (call: Parameters<Op>[0], sides: readonly number[], kernel: readonly number[]) => {
  const strides = call.ints('strides') ?? sides.map(() => 1)
  const dilations = call.ints('dilations') ?? sides.map(() => 1)
  const extra = call.ints('output_padding') ?? sides.map(() => 0)
  const auto = call.text('auto_pad', 'NOTSET')
  const wanted = call.ints('output_shape')
  const pads = call.ints('pads') ?? [...sides, ...sides].map(() => 0)
  const full = sides.map((side, d) => item(strides, d) * (side - 1) + item(extra, d) + (item(kernel, d) - 1) * item(dilations, d) + 1)
  const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER'
  if (wanted === undefined && !same) {
    const used = auto === 'VALID' ? pads.map(() => 0) : pads
    return {
      strides,
      dilations,
      before: sides.map((_, d) => item(used, d)),
      output: full.map((side, d) => side - item(used, d) - item(used, d + sides.length)),
    }
  }
  const output = wanted ? wanted.slice(-sides.length) : sides.map((side, d) => side * item(strides, d))
  const total = full.map((side, d) => side - item(output, d))
  const before = total.map((sum) => (auto === 'SAME_UPPER' ? Math.floor(sum / 2) : sum - Math.floor(sum / 2)))
  return { strides, dilations, before, output }
}

const convTranspose: Op = (call) => {
  const [x, weight, bias] = [call.get(0), call.get(1), call.maybe(2)]
  const [n = 0, channels = 0, ...sides] = x.shape
  const [, depth = 0, ...kernel] = weight.shape
  const groups = call.int('group', 1)
  const perGroup = channels / groups
  const { strides, dilations, before, output } = transposedSides(call, sides, kernel)
  const shape = [n, depth * groups, ...output]
  const data = new Float64Array(sizeOf(shape))
  each(shape, ([, filter = 0], place) => {
    data[place] = bias ? item(bias.data, filter) : 0
  })
  each(x.shape, ([i = 0, channel = 0, ...from], place) => {
    const group = Math.floor(channel / perGroup)
    each([depth, ...kernel], ([filter = 0, ...k]) => {
      const to = k.map((j, d) => item(from, d) * item(strides, d) + j * item(dilations, d) - item(before, d))
      if (!isInside(to, output)) return
      const target = placeOf(shape, [i, group * depth + filter, ...to])
      data[target] = item(data, target) + item(x.data, place) * read(weight, [channel, filter, ...k])
    })
  })
  return [{ dtype: x.dtype, shape, data }]
}

/** Convolutions of any number of spatial sides. */
export const convolution: Family = { Conv: conv, ConvTranspose: convTranspose }
