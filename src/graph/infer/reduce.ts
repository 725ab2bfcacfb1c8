import type { Dim } from '../graph.ts'
import type { InferRule, NodeContext } from './context.ts'

// Since opset 18 (ReduceSum since 13) the axes are an input, where they were an attribute.
const axesOf = (at: NodeContext, rank: number, since: number): readonly number[] | 'none' | 'unknown' => {
  const attribute = at.opset < since ? at.ints('axes') : undefined
  const input = at.opset >= since && at.has(1) ? (at.numbers(1) ?? 'unknown') : undefined
  const axes = attribute ?? input
  if (axes === 'unknown') return axes
  if (axes === undefined || axes.length === 0)
    return at.int('noop_with_empty_axes', 0) !== 0 ? 'none' : Array.from({ length: rank }, (_, i) => i)
  return at.axes(axes, rank)
}

const reduce =
  (since: number): InferRule =>
  (at) => {
    const { dtype, shape } = at.input(0)
    const keep = at.int('keepdims', 1) !== 0
    const axes = axesOf(at, shape.length, since)
    if (axes === 'none') return [{ dtype, shape }]
    if (axes === 'unknown') {
      if (!keep) at.constantNumbers(1, 'axes')
      return [{ dtype, shape: shape.map((_, i) => at.fresh(i)) }]
    }
    return [{ dtype, shape: shape.flatMap<Dim>((side, i) => (axes.includes(i) ? (keep ? [1] : []) : [side])) }]
  }

const arg: InferRule = (at) => {
  const { shape } = at.rank(0, 1, Infinity)
  const axis = at.axis(at.int('axis', 0), shape.length)
  const keep = at.int('keepdims', 1) !== 0
  return [{ dtype: 'int64', shape: shape.flatMap<Dim>((side, i) => (i === axis ? (keep ? [1] : []) : [side])) }]
}

const topK: InferRule = (at) => {
  const { dtype, shape } = at.rank(0, 1, Infinity)
  at.wants(1, 'int64')
  at.input(1)
  const axis = at.axis(at.int('axis', -1), shape.length)
  const [k] = at.numbers(1) ?? []
  const side = shape[axis]
  if (k !== undefined && (k < 0 || (typeof side === 'number' && k > side)))
    throw at.wrong(`it takes the top ${k} of ${side}`, 'k is at most that side')
  const result = shape.map((own, i) => (i === axis ? (k ?? at.fresh(axis)) : own))
  return [
    { dtype, shape: result },
    { dtype: 'int64', shape: result },
  ]
}

const names = ['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSum', 'ReduceLogSumExp'] // prettier-ignore

export const reductions: Readonly<Record<string, InferRule>> = {
  ...Object.fromEntries(names.map((name) => [name, reduce(18)])),
  ReduceSum: reduce(13),
  ArgMax: arg,
  ArgMin: arg,
  TopK: topK,
}
