import type { Plain } from '../../../../src/graph/attributes.ts'
import { type Domain, type Draw, float32, type Kind, kinked, smooth } from '../case.ts'

type Attributes = (draw: Draw) => Readonly<Record<string, Plain>>

const one = (op: string, domain: Domain = 'any', attributes: Attributes = () => ({})): Kind =>
  smooth((draw) => draw.of(draw.op(op, [draw.input(draw.sides(0, 3), domain)], attributes(draw))))
/** Kinks at points: no element lies within 0.05 of one. */
const bent = (op: string, apart: readonly number[], attributes: Attributes = () => ({}), reach = 2): Kind => ({
  ...one(op, { low: -reach, high: reach, apart }, attributes),
  kinks: `elements keep 0.05 from ${apart.join(', ')}`,
})
const alpha =
  (...from: readonly number[]): Attributes =>
  (draw) => ({ alpha: draw.maybe(() => draw.pick(...from)) })

/** Two inputs, either of which may be broadcast, and is differentiated or not; also one tensor twice. */
const two = (op: string, first: Domain = 'any', second: Domain = first): Kind =>
  smooth((draw) => {
    const sides = draw.sides(0, 3)
    if (draw.int(0, 9) === 0 && first === second) {
      const x = draw.input(sides, first)
      return draw.of(draw.op(op, [x, x]))
    }
    const which = draw.int(0, 3)
    const make = (differentiated: boolean, domain: Domain) => {
      const shape = draw.narrower(sides)
      return differentiated ? draw.input(shape, domain) : draw.floats(shape, domain)
    }
    return draw.of(draw.op(op, [make(which !== 1, first), make(which !== 2, second)]))
  })
/** Any number of inputs, each broadcast; `distinct` where one is chosen: each has elements at places of its own. */
const many = (op: string, distinct: boolean): Kind => ({
  ...(distinct && { kinks: 'elements at one place keep 0.1 from each other' }),
  draw: (draw) => {
    const sides = draw.sides(0, 3)
    const count = draw.int(1, 4)
    const inputs = Array.from({ length: count }, (_, i) => {
      // Multiples of 0.4, and an offset by the number of the input: no two can meet.
      const apart = Array.from({ length: 41 }, (__, k) => (k - 20) * 0.1).filter((_point, k) => k % 4 !== i)
      return draw.input(draw.narrower(sides), distinct ? { apart } : 'any')
    })
    return draw.of(draw.op(op, inputs))
  },
})

const clip = kinked('elements keep 0.05 from both bounds', (draw) => {
  const [low, high] = [draw.maybe(() => draw.pick(-1, -0.5)), draw.maybe(() => draw.pick(0.5, 1))]
  const apart = [low, high].filter((bound) => bound !== undefined)
  const x = draw.input(draw.sides(0, 3), { apart })
  // A bound may be a tensor that is trained.
  const given = (bound: number | undefined) => {
    if (bound === undefined) return undefined
    return draw.flag() ? draw.b.scalar(bound) : draw.input([], { low: bound, high: bound, apart: [] })
  }
  return draw.of(draw.op('Clip', [x, given(low), given(high)]))
})

const where = smooth((draw) => {
  const sides = draw.sides(0, 3)
  const condition = draw.bools(draw.narrower(sides))
  return draw.of(draw.op('Where', [condition, draw.input(draw.narrower(sides)), draw.input(draw.narrower(sides))]))
})

const prelu = kinked('elements keep 0.05 from 0', (draw) => {
  const sides = draw.sides(1, 3)
  return draw.of(draw.op('PRelu', [draw.input(sides, { apart: [0] }), draw.input(draw.narrower(sides))]))
})

/** A base that may be negative takes a fixed whole exponent. */
const pow = smooth((draw) => {
  const sides = draw.sides(0, 3)
  if (draw.flag()) return draw.of(draw.op('Pow', [draw.input(draw.narrower(sides), 'positive'), draw.input(draw.narrower(sides), 'any')]))
  const exponent = draw.pick(2, 3, -1, 1, 4)
  const known = draw.b.constant(float32([exponent], draw.pick([], [1])))
  return draw.of(draw.op('Pow', [draw.input(sides, 'nonzero'), known]))
})

/** The identity, between floats, and through a float64. */
const cast = smooth((draw) => {
  const x = draw.input(draw.sides(0, 3))
  const wide = draw.op('Cast', [x], { to: draw.pick(1, 11) })
  return draw.of(draw.op('Cast', [wide], { to: 1 }))
})

export const elementwise: Readonly<Record<string, Kind>> = {
  Add: two('Add'),
  Sub: two('Sub'),
  Mul: two('Mul'),
  Div: two('Div', 'any', 'nonzero'),
  Pow: pow,
  Sum: many('Sum', false),
  Mean: many('Mean', false),
  Min: many('Min', true),
  Max: many('Max', true),
  Where: where,
  Clip: clip,
  PRelu: prelu,
  Cast: cast,
  CastLike: smooth((draw) =>
    draw.of(draw.op('CastLike', [draw.input(draw.sides(0, 3)), draw.flag() ? draw.input([1]) : draw.floats([1])])),
  ),
  Identity: one('Identity'),
  Neg: one('Neg'),
  Reciprocal: one('Reciprocal', 'nonzero'),
  Abs: bent('Abs', [0]),
  Sqrt: one('Sqrt', 'positive'),
  Exp: one('Exp'),
  Log: one('Log', 'positive'),
  Sin: one('Sin'),
  Cos: one('Cos'),
  Erf: one('Erf'),
  Tanh: one('Tanh'),
  Sigmoid: one('Sigmoid'),
  Softplus: one('Softplus'),
  Softsign: bent('Softsign', [0]),
  Mish: one('Mish'),
  Gelu: one('Gelu', 'any', (draw) => ({ approximate: draw.pick(undefined, 'none', 'tanh') })),
  Relu: bent('Relu', [0]),
  LeakyRelu: bent('LeakyRelu', [0], alpha(0.01, 0.2, 1.5)),
  Elu: bent('Elu', [0], alpha(0.5, 1.3)),
  Celu: bent('Celu', [0], alpha(0.5, 1.3)),
  Selu: bent('Selu', [0], (draw) => ({ ...alpha(1.2)(draw), gamma: draw.maybe(() => 1.4) })),
  ThresholdedRelu: kinked('elements keep 0.05 from alpha', (draw) => {
    const bound = draw.pick(undefined, 0.5, -0.3)
    return draw.of(draw.op('ThresholdedRelu', [draw.input(draw.sides(0, 3), { apart: [bound ?? 1] })], { alpha: bound }))
  }),
  HardSigmoid: kinked('elements keep 0.05 from where it is 0 and 1', (draw) => {
    const [a, b] = [draw.pick(undefined, 0.4, 0.5), draw.pick(undefined, 0.3)]
    const apart = [-(b ?? 0.5) / (a ?? 0.2), (1 - (b ?? 0.5)) / (a ?? 0.2)]
    return draw.of(draw.op('HardSigmoid', [draw.input(draw.sides(0, 3), { low: -4, high: 4, apart })], { alpha: a, beta: b }))
  }),
  HardSwish: bent('HardSwish', [-3, 3], undefined, 5),
}
