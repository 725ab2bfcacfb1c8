import type { Call, Family, Op } from './call.ts'
import { axisOf, each, item, make, type Nd, nd, numbersOf, placeOf, read, scalarOf, sizeOf } from './nd.ts'

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const most = (values: readonly number[]): number => values.reduce((found, value) => Math.max(found, value), -Infinity)

const reductions: Readonly<Record<string, (values: readonly number[]) => number>> = {
  ReduceSum: sum,
  ReduceMean: (values) => sum(values) / values.length,
  ReduceMax: most,
  ReduceMin: (values) => values.reduce((found, value) => Math.min(found, value), Infinity),
  ReduceProd: (values) => values.reduce((product, value) => product * value, 1),
  ReduceSumSquare: (values) => sum(values.map((value) => value * value)),
  ReduceL1: (values) => sum(values.map(Math.abs)),
  ReduceL2: (values) => Math.sqrt(sum(values.map((value) => value * value))),
  ReduceLogSum: (values) => Math.log(sum(values)),
  ReduceLogSumExp: (values) => {
    const top = most(values)
    return top + Math.log(sum(values.map((value) => Math.exp(value - top))))
  },
}

const reduce = (call: Call, apply: (values: readonly number[]) => number): readonly Nd[] => {
  const x = call.get(0)
  const given = call.maybe(1)
  const axes = given === undefined ? call.ints('axes') : numbersOf(given)
  if ((axes === undefined || axes.length === 0) && call.flag('noop_with_empty_axes')) return [x]
  const reduced = new Set((axes?.length ? axes : x.shape.map((_, axis) => axis)).map((axis) => axisOf(axis, x.shape.length)))
  const kept = x.shape.map((side, axis) => (reduced.has(axis) ? 1 : side))
  const groups = Array.from({ length: sizeOf(kept) }, (): number[] => [])
  each(x.shape, (at, place) => {
    const group = at.map((i, axis) => (reduced.has(axis) ? 0 : i))
    groups[placeOf(kept, group)]?.push(item(x.data, place))
  })
  const shape = call.flag('keepdims', 1) ? kept : kept.filter((_, axis) => !reduced.has(axis))
  return [make(x.dtype, shape, (_, place) => apply(groups[place] ?? []))]
}

/** An array made of another lane by lane along an axis: each lane becomes one of as many, or of other, elements. */
const lanes = (x: Nd, axis: number, dtype: Nd['dtype'], length: number, apply: (lane: readonly number[]) => readonly number[]): Nd => {
  const outer = x.shape.with(axis, 1)
  const found = new Map<number, readonly number[]>()
  each(outer, (at, place) => {
    const lane = Array.from({ length: item(x.shape, axis) }, (_, i) => read(x, at.with(axis, i)))
    found.set(place, apply(lane))
  })
  return make(dtype, x.shape.with(axis, length), (at) => item(found.get(placeOf(outer, at.with(axis, 0))) ?? [], item(at, axis)))
}

const softmax = (lane: readonly number[]): number[] => {
  const top = most(lane)
  const powers = lane.map((value) => Math.exp(value - top))
  const total = sum(powers)
  return powers.map((power) => power / total)
}
export const logSoftmax = (lane: readonly number[]): number[] => {
  const top = most(lane)
  const total = Math.log(sum(lane.map((value) => Math.exp(value - top))))
  return lane.map((value) => value - top - total)
}
const hardmax = (lane: readonly number[]): number[] => {
  const first = lane.indexOf(most(lane))
  return lane.map((_, i) => (i === first ? 1 : 0))
}

const along =
  (apply: (lane: readonly number[]) => readonly number[]): Op =>
  (call) => {
    const x = call.get(0)
    const axis = axisOf(call.int('axis', -1), x.shape.length)
    return [lanes(x, axis, x.dtype, item(x.shape, axis), apply)]
  }

const arg =
  (sign: 1 | -1): Op =>
  (call) => {
    const x = call.get(0)
    const axis = axisOf(call.int('axis', 0), x.shape.length)
    const last = call.flag('select_last_index')
    const found = lanes(x, axis, 'int64', 1, (lane) => {
      const top = sign * most(lane.map((value) => sign * value))
      return [last ? lane.lastIndexOf(top) : lane.indexOf(top)]
    })
    return [call.flag('keepdims', 1) ? found : { ...found, shape: x.shape.toSpliced(axis, 1) }]
  }

const cumSum: Op = (call) => {
  const x = call.get(0)
  const axis = axisOf(scalarOf(call.get(1)), x.shape.length)
  const running = (lane: readonly number[]) => lane.map((_, i) => sum(lane.slice(0, call.flag('exclusive') ? i : i + 1)))
  return [
    lanes(x, axis, x.dtype, item(x.shape, axis), (lane) => (call.flag('reverse') ? running(lane.toReversed()).reverse() : running(lane))),
  ]
}

const topK: Op = (call) => {
  const x = call.get(0)
  const k = scalarOf(call.get(1))
  const axis = axisOf(call.int('axis', -1), x.shape.length)
  const sign = call.flag('largest', 1) ? -1 : 1
  // The lower index comes first among equals.
  const order = (lane: readonly number[]) =>
    lane.map((_, i) => i).toSorted((i, j) => sign * (item(lane, i) - item(lane, j)) || i - j).slice(0, k) // prettier-ignore
  return [lanes(x, axis, x.dtype, k, (lane) => order(lane).map((i) => item(lane, i))), lanes(x, axis, 'int64', k, order)]
}

const family: Record<string, Op> = {
  Softmax: along(softmax),
  LogSoftmax: along(logSoftmax),
  Hardmax: along(hardmax),
  ArgMax: arg(1),
  ArgMin: arg(-1),
  CumSum: cumSum,
  TopK: topK,
  Shape: (call) => {
    const { shape } = call.get(0)
    const part = shape.slice(call.int('start', 0), call.int('end', shape.length))
    return [nd('int64', [part.length], part)]
  },
  Size: (call) => [nd('int64', [], [call.get(0).data.length])],
}
for (const [op, apply] of Object.entries(reductions)) family[op] = (call) => reduce(call, apply)
/** What looks along axes: reductions, softmax, running sums, the greatest; and what tells a shape. */
export const reduction: Family = family
