import { type Draw, int64, type Kind, smooth } from '../case.ts'

const gather = smooth((draw) => {
  const sides = draw.sides(1, 3)
  const axis = draw.axis(sides.length)
  const indices = draw.indices(draw.sides(0, 2, 3), sides.at(axis) ?? 1)
  return draw.of(draw.op('Gather', [draw.input(sides), indices], { axis: axis === 0 ? draw.pick(undefined, 0) : axis }))
})

const gatherElements = smooth((draw) => {
  const sides = draw.sides(1, 3)
  const axis = draw.axis(sides.length)
  const at = axis < 0 ? axis + sides.length : axis
  const shape = sides.map((side, i) => (i === at ? draw.int(1, 4) : draw.int(1, side)))
  return draw.of(draw.op('GatherElements', [draw.input(sides), draw.indices(shape, sides[at] ?? 1)], { axis }))
})

/** Rows of coordinates, each inside its own side. */
const coordinates = (draw: Draw, lead: readonly number[], sides: readonly number[]): readonly number[] => {
  const count = lead.reduce((product, side) => product * side, 1)
  return Array.from({ length: count }, () => sides.map((side) => draw.below(side) - (draw.below(3) === 0 ? side : 0))).flat()
}

const gatherND = smooth((draw) => {
  const batch = draw.sides(0, 1, 3)
  const rest = draw.sides(1, 3, 3)
  const depth = draw.int(1, rest.length)
  const lead = [...batch, ...draw.sides(0, 1, 4)]
  const tensor = int64(coordinates(draw, lead, rest.slice(0, depth)), [...lead, depth])
  const indices = draw.flag() ? draw.b.constant(tensor) : draw.feed(tensor)
  return draw.of(draw.op('GatherND', [draw.input([...batch, ...rest]), indices], { batch_dims: batch.length || undefined }))
})

/** Without doubles where updates replace: which of two would win is told by nobody. */
const scatterElements = smooth((draw) => {
  const sides = draw.sides(1, 3)
  const axis = draw.axis(sides.length)
  const at = axis < 0 ? axis + sides.length : axis
  const reduction = draw.pick(undefined, 'none', 'add')
  const side = sides[at] ?? 1
  const long = reduction === 'add' ? draw.int(1, 4) : draw.int(1, side)
  const shape = sides.map((own, i) => (i === at ? long : draw.int(1, own)))
  const count = shape.reduce((product, length) => product * length, 1)
  const inner = shape.slice(at + 1).reduce((product, length) => product * length, 1)
  const shift = draw.below(side)
  const places = Array.from({ length: count }, (_, i) => {
    const along = Math.floor(i / inner) % long
    const place = reduction === 'add' ? draw.below(side) : (along + shift) % side
    return draw.below(3) === 0 ? place - side : place
  })
  const tensor = int64(places, shape)
  const indices = draw.flag() ? draw.b.constant(tensor) : draw.feed(tensor)
  return draw.of(draw.op('ScatterElements', [draw.input(sides), indices, draw.input(shape)], { axis, reduction }))
})

/** Without `add`: onnxruntime's kernel races, so training lowers it. */
const scatterND = smooth((draw) => {
  const sides = draw.sides(1, 3, 4)
  const depth = draw.int(1, sides.length)
  const inner = sides.slice(0, depth)
  const all = inner.reduce((product, side) => product * side, 1)
  const chosen = draw.permutation(all).slice(0, draw.int(1, all))
  const rows = chosen.map((place) => {
    const at: number[] = []
    let rest = place
    for (const side of inner.toReversed()) {
      at.unshift(rest % side)
      rest = Math.floor(rest / side)
    }
    return at
  })
  const tensor = int64(rows.flat(), [chosen.length, depth])
  const indices = draw.flag() ? draw.b.constant(tensor) : draw.feed(tensor)
  return draw.of(draw.op('ScatterND', [draw.input(sides), indices, draw.input([chosen.length, ...sides.slice(depth)])]))
})

/** An index beyond the depth is nowhere on. */
const oneHot = smooth((draw) => {
  const shape = draw.sides(1, 2, 3)
  const depth = draw.int(1, 4)
  const axis = draw.maybe(() => draw.axis(shape.length + 1))
  const count = shape.reduce((product, side) => product * side, 1)
  const indices = draw.feed(int64(Array.from({ length: count }, () => draw.below(2 * depth + 2) - depth - 1), shape)) // prettier-ignore
  return draw.of(draw.op('OneHot', [indices, draw.b.ints(depth), draw.input([2])], { axis }))
})

export const indexing: Readonly<Record<string, Kind>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
}
