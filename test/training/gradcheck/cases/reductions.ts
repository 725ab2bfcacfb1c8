import { type Domain, type Kind, smooth } from '../case.ts'

/** Axes as a constant input, left out, or empty; both ways to keep sides. */
const reduction = (op: string, domain: Domain = 'any', kinks?: string): Kind => ({
  ...(kinks !== undefined && { kinks }),
  draw: (draw) => {
    const sides = draw.sides(0, 4, 3)
    const x = draw.input(sides, domain)
    const keepdims = draw.pick(undefined, 0, 1)
    const form = draw.int(0, 4)
    if (form === 0) return draw.of(draw.op(op, [x], { keepdims }))
    if (form === 1) return draw.of(draw.op(op, [x, draw.b.ints()], { keepdims, noop_with_empty_axes: draw.pick(undefined, 0) }))
    return draw.of(draw.op(op, [x, draw.b.ints(...draw.axes(sides.length, 1))], { keepdims }))
  },
})

const along = (op: string): Kind =>
  smooth((draw) => {
    const sides = draw.sides(1, 3)
    return draw.of(draw.op(op, [draw.input(sides)], { axis: draw.maybe(() => draw.axis(sides.length)) }))
  })

const cumSum = smooth((draw) => {
  const sides = draw.sides(1, 3)
  const axis = draw.axis(sides.length)
  const known = draw.b.ints(axis)
  const scalar = draw.op('Squeeze', [known])
  const flags = { exclusive: draw.pick(undefined, 0, 1), reverse: draw.pick(undefined, 0, 1) }
  return draw.of(draw.op('CumSum', [draw.input(sides), draw.flag() ? known : scalar], flags))
})

const topK: Kind = {
  kinks: 'elements keep 0.1 from each other',
  draw: (draw) => {
    const sides = draw.sides(1, 3)
    const axis = draw.axis(sides.length)
    const k = draw.int(1, sides.at(axis) ?? 1)
    const [values] = draw.b.ops(
      'TopK',
      [draw.input(sides, 'distinct'), draw.b.ints(k)],
      { axis, largest: draw.pick(undefined, 0, 1) },
      { outputs: 2 },
    )
    if (values === undefined) throw new Error('TopK has two outputs')
    return draw.of(values)
  },
}

export const reductions: Readonly<Record<string, Kind>> = {
  ReduceSum: reduction('ReduceSum'),
  ReduceMean: reduction('ReduceMean'),
  ReduceMax: reduction('ReduceMax', 'distinct', 'elements keep 0.1 from each other'),
  ReduceMin: reduction('ReduceMin', 'distinct', 'elements keep 0.1 from each other'),
  ReduceProd: reduction('ReduceProd', 'nonzero'),
  ReduceL1: reduction('ReduceL1', 'nonzero', 'elements keep 0.4 from 0'),
  ReduceL2: reduction('ReduceL2', 'nonzero', 'elements keep 0.4 from 0, so no group is zero'),
  ReduceSumSquare: reduction('ReduceSumSquare'),
  ReduceLogSum: reduction('ReduceLogSum', 'positive'),
  ReduceLogSumExp: reduction('ReduceLogSumExp'),
  Softmax: along('Softmax'),
  LogSoftmax: along('LogSoftmax'),
  CumSum: cumSum,
  TopK: topK,
}
