import type { Dim, ValueType } from '../graph.ts'
import type { NodeContext } from './context.ts'
import type { Elements } from './elements.ts'

type Values = readonly (Dim | undefined)[]

const product = (sides: readonly number[]): number => sides.reduce((all, side) => all * side, 1)

/** The elements at places of each axis: what Gather, Slice and the like take. */
const pick = ({ shape, values }: Elements, places: readonly (readonly number[])[]): Values => {
  let flat: readonly number[] = [0]
  for (const [axis, side] of shape.entries()) flat = flat.flatMap((at) => (places[axis] ?? []).map((place) => at * side + place))
  return flat.map((at) => values[at])
}
const whole = (side: number): readonly number[] => Array.from({ length: side }, (_, i) => i)

const gather = (at: NodeContext, data: Elements): Values | undefined => {
  const indices = at.numbers(1)
  const given = at.int('axis', 0)
  const axis = given < 0 ? given + data.shape.length : given
  const side = data.shape[axis]
  if (indices === undefined || side === undefined || indices.some((index) => index < -side || index >= side)) return undefined
  return pick(
    data,
    data.shape.map((length, i) => (i === axis ? indices.map((index) => (index < 0 ? index + side : index)) : whole(length))),
  )
}

const sliced = (length: number, start: number, end: number, step: number): readonly number[] => {
  const from = start < 0 ? start + length : start
  const to = end < 0 ? end + length : end
  const taken: number[] = []
  if (step > 0) for (let i = Math.max(from, 0); i < Math.min(to, length); i += step) taken.push(i)
  else for (let i = Math.min(from, length - 1); i > Math.max(to, -1); i += step) taken.push(i)
  return taken
}

const slice = (at: NodeContext, data: Elements): Values | undefined => {
  const [starts, ends] = [at.numbers(1), at.numbers(2)]
  if (starts === undefined || ends === undefined || (at.has(3) && at.numbers(3) === undefined)) return undefined
  const axes = at.numbers(3) ?? whole(starts.length)
  const steps = at.numbers(4) ?? (at.has(4) ? undefined : starts.map(() => 1))
  if (steps === undefined || steps.includes(0)) return undefined
  const places = data.shape.map(whole)
  for (const [i, given] of axes.entries()) {
    const axis = given < 0 ? given + data.shape.length : given
    const [length, start, end, step] = [data.shape[axis], starts[i], ends[i], steps[i]]
    if (length === undefined || start === undefined || end === undefined || step === undefined) return undefined
    places[axis] = sliced(length, start, end, step)
  }
  return pick(data, places)
}

const transpose = (at: NodeContext, { shape, values }: Elements): Values => {
  const order = at.ints('perm') ?? whole(shape.length).toReversed()
  const strides = shape.map((_, axis) => product(shape.slice(axis + 1)))
  let flat: readonly number[] = [0]
  for (const axis of order) flat = flat.flatMap((from) => whole(shape[axis] ?? 0).map((place) => from + place * (strides[axis] ?? 0)))
  return flat.map((from) => values[from])
}

const concat = (at: NodeContext): Values | undefined => {
  const parts = at.all().map((type, i) => {
    if (type.shape.length !== 1) return undefined
    const length = type.shape[0]
    return at.elements(i)?.values ?? (typeof length === 'number' && length < 64 ? Array.from({ length }, () => undefined) : undefined)
  })
  return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? [])
}

const split = (at: NodeContext, data: Elements, output: number): Values | undefined => {
  if (data.shape.length !== 1) return undefined
  const lengths =
    at.numbers(1) ?? (at.has(1) ? undefined : at.node.outputs.map(() => Math.ceil(data.values.length / at.node.outputs.length)))
  if (lengths === undefined) return undefined
  const start = lengths.slice(0, output).reduce((sum, length) => sum + length, 0)
  return data.values.slice(start, start + (lengths[output] ?? 0))
}

const spread = (data: Elements, { shape }: ValueType): Values | undefined => {
  const length = product(shape.map(Number))
  if (data.values.length === 1) return Array.from({ length }, () => data.values[0])
  return length === data.values.length ? data.values : undefined
}

/** The elements of what only moves them; undefined where that is not known or not of this kind. */
export const rearrange = (at: NodeContext, type: ValueType, output: number): Values | undefined => {
  if (at.node.op === 'Concat') return concat(at)
  const data = at.elements(0)
  if (data === undefined) return undefined
  switch (at.node.op) {
    case 'Gather':
      return gather(at, data)
    case 'Slice':
      return slice(at, data)
    case 'Transpose':
      return transpose(at, data)
    case 'Split':
      return split(at, data, output)
    case 'Reshape':
    case 'Flatten':
    case 'Squeeze':
    case 'Unsqueeze':
      return data.values
    case 'Expand':
      return spread(data, type)
    case 'Tile': {
      const times = product(type.shape.map(Number)) / data.values.length
      return data.shape.length === 1 && Number.isInteger(times) ? Array.from({ length: times }, () => data.values).flat() : undefined
    }
    default:
      return undefined
  }
}
