import type { Call, Family, Op } from './call.ts'
import { axisOf, each, item, make, type Nd, nd, numbersOf, placeOf, read, scalarOf } from './nd.ts'

/** An index counted from the end as one from the beginning; it must lie inside. */
const within = (index: number, side: number): number => {
  const found = index < 0 ? index + side : index
  if (!Number.isInteger(found) || found < 0 || found >= side) throw new RangeError(`index ${index} of ${side}`)
  return found
}

const gather: Op = (call) => {
  const [x, indices] = [call.get(0), call.get(1)]
  const axis = axisOf(call.int('axis', 0), x.shape.length)
  const rank = indices.shape.length
  const shape = x.shape.toSpliced(axis, 1, ...indices.shape)
  return [
    make(x.dtype, shape, (at) => {
      const index = within(read(indices, at.slice(axis, axis + rank)), item(x.shape, axis))
      return read(x, at.toSpliced(axis, rank, index))
    }),
  ]
}

const gatherElements: Op = (call) => {
  const [x, indices] = [call.get(0), call.get(1)]
  const axis = axisOf(call.int('axis', 0), x.shape.length)
  return [
    make(x.dtype, indices.shape, (at, place) => read(x, at.with(axis, within(item(indices.data, place), item(x.shape, axis))))), //
  ]
}

const gatherND: Op = (call) => {
  const [x, indices] = [call.get(0), call.get(1)]
  const batch = call.int('batch_dims', 0)
  const depth = indices.shape.at(-1) ?? 0
  const outer = indices.shape.slice(0, -1)
  return [
    make(x.dtype, [...outer, ...x.shape.slice(batch + depth)], (at) => {
      const lead = at.slice(0, outer.length)
      const index = Array.from({ length: depth }, (_, i) => within(read(indices, [...lead, i]), item(x.shape, batch + i)))
      return read(x, [...at.slice(0, batch), ...index, ...at.slice(outer.length)])
    }),
  ]
}

const combine = (call: Call, held: number, update: number): number => {
  switch (call.text('reduction', 'none')) {
    case 'none':
      return update
    case 'add':
      return held + update
    case 'mul':
      return held * update
    case 'max':
      return Math.max(held, update)
    case 'min':
      return Math.min(held, update)
    default:
      return call.refuse(`reduction ${call.text('reduction', '')}`)
  }
}

const scatterElements: Op = (call) => {
  const [x, indices, updates] = [call.get(0), call.get(1), call.get(2)]
  const axis = axisOf(call.int('axis', 0), x.shape.length)
  const data = Float64Array.from(x.data)
  each(indices.shape, (at, place) => {
    const target = placeOf(x.shape, at.with(axis, within(item(indices.data, place), item(x.shape, axis))))
    data[target] = combine(call, item(data, target), item(updates.data, place))
  })
  return [{ ...x, data }]
}

const scatterND: Op = (call) => {
  const [x, indices, updates] = [call.get(0), call.get(1), call.get(2)]
  const depth = indices.shape.at(-1) ?? 0
  const outer = indices.shape.length - 1
  const data = Float64Array.from(x.data)
  each(updates.shape, (at, place) => {
    const lead = at.slice(0, outer)
    const index = Array.from({ length: depth }, (_, i) => within(read(indices, [...lead, i]), item(x.shape, i)))
    const target = placeOf(x.shape, [...index, ...at.slice(outer)])
    data[target] = combine(call, item(data, target), item(updates.data, place))
  })
  return [{ ...x, data }]
}

const oneHot: Op = (call) => {
  const [indices, values] = [call.get(0), call.get(2)]
  const depth = scalarOf(call.get(1))
  const given = call.int('axis', -1)
  const axis = given < 0 ? given + indices.shape.length + 1 : given
  const [off = 0, on = 0] = values.data
  return [
    make(values.dtype, indices.shape.toSpliced(axis, 0, depth), (at) => {
      const index = read(indices, at.toSpliced(axis, 1))
      return (index < 0 ? index + depth : index) === item(at, axis) ? on : off
    }),
  ]
}

const nonZero: Op = (call) => {
  const x = call.get(0)
  const found: number[][] = []
  each(x.shape, (at, place) => {
    if (item(x.data, place) !== 0) found.push([...at])
  })
  const rows = x.shape.map((_, axis) => found.map((at) => item(at, axis)))
  return [nd('int64', [x.shape.length, found.length], rows.flat())]
}

const compress: Op = (call) => {
  const x = call.get(0)
  const axis = call.node.attributes['axis'] === undefined ? undefined : axisOf(call.int('axis', 0), x.shape.length)
  const from: Nd = axis === undefined ? { ...x, shape: [x.data.length] } : x
  const along = axis ?? 0
  const chosen = numbersOf(call.get(1)).flatMap((value, i) => (value === 0 ? [] : [i]))
  return [make(x.dtype, from.shape.with(along, chosen.length), (at) => read(from, at.with(along, item(chosen, item(at, along)))))]
}

/** What reads or writes elements at places that data tell. */
export const indexing: Family = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
  NonZero: nonZero,
  Compress: compress,
}
