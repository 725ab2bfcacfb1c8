import { type Draw, int64, type Kind, smooth } from '../case.ts'

const reshape = smooth((draw) => {
  const sides = draw.sides(0, 4)
  // A new shape by prime factors in another order, and one of its sides left to be computed.
  const factors = sides.flatMap((side) => (side === 4 ? [2, 2] : side === 1 ? [] : [side]))
  const target: number[] = []
  for (const factor of factors) {
    if (target.length > 0 && draw.flag()) target.push((target.pop() ?? 1) * factor)
    else target.push(factor)
  }
  if (draw.flag()) target.splice(draw.int(0, target.length), 0, 1)
  if (target.length > 0 && draw.flag()) target[draw.int(0, target.length - 1)] = -1
  const first = sides[0] !== undefined && target[0] === sides[0] && draw.flag()
  return draw.of(draw.op('Reshape', [draw.input(sides), draw.b.ints(...(first ? target.with(0, 0) : target))]))
})

const ones = (draw: Draw): number[] => draw.sides(0, 3).flatMap((side) => (draw.flag() ? [1, side] : [side]))

const squeeze = smooth((draw) => {
  const sides = ones(draw)
  const single = sides.flatMap((side, axis) => (side === 1 ? [axis] : []))
  const x = draw.input(sides)
  if (draw.flag()) return draw.of(draw.op('Squeeze', [x]))
  const axes = single.filter(() => draw.flag()).map((axis) => (draw.flag() ? axis : axis - sides.length))
  return draw.of(draw.op('Squeeze', axes.length === 0 ? [x] : [x, draw.b.ints(...axes)]))
})

const unsqueeze = smooth((draw) => {
  const sides = draw.sides(0, 3)
  const more = draw.int(1, 2)
  const rank = sides.length + more
  const axes = draw.permutation(rank).slice(0, more).map((axis) => (draw.flag() ? axis : axis - rank)) // prettier-ignore
  return draw.of(draw.op('Unsqueeze', [draw.input(sides), draw.b.ints(...axes)]))
})

const transpose = smooth((draw) => {
  const sides = draw.sides(0, 4, 3)
  const perm = draw.maybe(() => draw.permutation(sides.length))
  return draw.of(draw.op('Transpose', [draw.input(sides)], { perm }))
})

const expand = smooth((draw) => {
  const sides = draw.sides(0, 3)
  const from = draw.narrower(sides)
  // The shape asked for may have sides of 1, or fewer, where the input has more.
  const asked = draw.flag()
    ? sides
    : sides.map((side, axis) => (from[axis - sides.length + from.length] === side && draw.flag() ? 1 : side))
  return draw.of(draw.op('Expand', [draw.input(from), draw.b.ints(...asked)]))
})

const tile = smooth((draw) => {
  const sides = draw.sides(1, 3, 3)
  return draw.of(draw.op('Tile', [draw.input(sides), draw.b.ints(...sides.map(() => draw.int(1, 3)))]))
})

const concat = smooth((draw) => {
  const sides = draw.sides(1, 3, 3)
  const axis = draw.axis(sides.length)
  const at = axis < 0 ? axis + sides.length : axis
  const parts = Array.from({ length: draw.int(1, 4) }, (_, i) => {
    const shape = sides.with(at, draw.int(1, 3))
    return i > 0 && draw.int(0, 3) === 0 ? draw.floats(shape) : draw.input(shape)
  })
  return draw.of(draw.op('Concat', draw.int(0, 5) === 0 ? [...parts, ...parts.slice(0, 1)] : parts, { axis }))
})

/** All outputs used, or some. */
const split = smooth((draw) => {
  const sides = draw.sides(1, 3, 6)
  const axis = draw.axis(sides.length)
  const side = sides.at(axis) ?? 1
  const sized = draw.flag()
  const parts = sized ? draw.parts(side) : []
  const chunk = sized ? 0 : draw.int(1, side)
  const count = sized ? parts.length : Math.ceil(side / chunk)
  // num_outputs cuts chunks of one size, the last one smaller; not every count leaves one for the last.
  const even = Math.ceil(side / count) * (count - 1) < side
  const given = sized ? parts : even ? undefined : [side]
  const names = given?.length ?? count
  const outputs = draw.b.ops(
    'Split',
    given === undefined ? [draw.input(sides)] : [draw.input(sides), draw.b.ints(...given)],
    given === undefined ? { axis, num_outputs: names } : { axis },
    { outputs: names },
  )
  const used = outputs.filter(() => draw.int(0, 3) > 0)
  return draw.of(...(used.length === 0 ? outputs.slice(0, 1) : used))
})

const slice = smooth((draw) => {
  const sides = draw.sides(1, 3, 5)
  const axes = draw.axes(sides.length, 1)
  const cuts = axes.map((axis) => {
    const side = sides.at(axis) ?? 1
    const step = draw.pick(1, 1, 2, 3, -1, -2)
    const from = draw.int(0, side - 1)
    const past = step > 0 ? draw.pick(side, draw.int(from + 1, side), 2 ** 53 - 1) : draw.pick(-side - 1, -(2 ** 53 - 1))
    const start = step > 0 ? from : draw.pick(from, side - 1, side + 3)
    return { start: start < side && draw.flag() ? start - side : start, end: past, step }
  })
  const ints = (from: readonly number[]) => draw.b.ints(...from)
  const inputs = [draw.input(sides), ints(cuts.map(({ start }) => start)), ints(cuts.map(({ end }) => end)), ints(axes)]
  return draw.of(draw.op('Slice', cuts.every(({ step }) => step === 1) ? inputs : [...inputs, ints(cuts.map(({ step }) => step))]))
})

const pad = smooth((draw) => {
  const sides = draw.sides(1, 3)
  const mode = draw.pick(undefined, 'constant', 'reflect', 'edge', 'wrap')
  const constant = mode === undefined || mode === 'constant'
  const some = draw.flag() ? draw.axes(sides.length, 1) : undefined
  const axes = some ?? sides.map((_, axis) => axis)
  const amount = (axis: number) => {
    const side = sides.at(axis) ?? 1
    const most = mode === 'reflect' ? side - 1 : mode === 'wrap' ? side : 2
    return draw.int(constant && side > 2 ? -1 : 0, Math.min(2, most))
  }
  const pads = draw.b.ints(...axes.map(amount), ...axes.map(amount))
  const value = constant && draw.flag() ? (draw.flag() ? draw.b.scalar(draw.pick(0.5, -1)) : draw.input([])) : undefined
  const inputs = [draw.input(sides), pads, value, some === undefined ? undefined : draw.b.ints(...some)]
  return draw.of(draw.op('Pad', some === undefined && value === undefined ? inputs.slice(0, 2) : inputs, { mode }))
})

const depthToSpace = smooth((draw) => {
  const block = draw.int(1, 2)
  const x = draw.input([draw.int(1, 2), block ** 2 * draw.int(1, 2), draw.int(1, 2), draw.int(1, 3)])
  return draw.of(draw.op('DepthToSpace', [x], { blocksize: block, mode: draw.pick(undefined, 'DCR', 'CRD') }))
})
const spaceToDepth = smooth((draw) => {
  const block = draw.int(1, 2)
  const x = draw.input([draw.int(1, 2), draw.int(1, 2), block * draw.int(1, 2), block * draw.int(1, 2)])
  return draw.of(draw.op('SpaceToDepth', [x], { blocksize: block }))
})

const trilu = smooth((draw) => {
  const sides = [...draw.sides(0, 1), draw.int(1, 4), draw.int(1, 4)]
  const x = draw.input(sides)
  const k = draw.maybe(() => draw.b.constant(int64([draw.int(-3, 3)], [])))
  return draw.of(draw.op('Trilu', k ? [x, k] : [x], { upper: draw.pick(undefined, 0, 1) }))
})

export const shapes: Readonly<Record<string, Kind>> = {
  Reshape: reshape,
  Flatten: smooth((draw) => {
    const sides = draw.sides(1, 4, 3)
    return draw.of(draw.op('Flatten', [draw.input(sides)], { axis: draw.maybe(() => draw.int(-sides.length, sides.length)) }))
  }),
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Expand: expand,
  Tile: tile,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
  // Outside of training nothing moves with the ratio.
  Dropout: smooth((draw) => {
    const ratio = draw.flag() ? draw.b.scalar(0.4) : draw.input([], { low: 0.2, high: 0.8, apart: [] })
    return draw.of(draw.op('Dropout', [draw.input(draw.sides(0, 3)), ratio].slice(0, draw.int(1, 2))))
  }),
}
