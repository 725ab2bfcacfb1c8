import type { DType } from '../../core/dtype.ts'
import { dtypeOfElementType } from '../element-types.ts'
import type { ValueType } from '../graph.ts'
import type { InferRule, NodeContext } from './context.ts'

const same: InferRule = (at) => [at.input(0)]

const joined =
  (dtype?: DType): InferRule =>
  (at) => {
    const [a, b] = [at.input(0), at.input(1)]
    const own = at.sameDType(a, b)
    return [{ dtype: dtype ?? own, shape: at.broadcast(a.shape, b.shape) }]
  }

const logical: InferRule = (at) => {
  at.wants(0, 'bool')
  at.wants(1, 'bool')
  return joined('bool')(at)
}

const variadic: InferRule = (at) => {
  const types = at.all()
  if (types.length === 0) throw at.wrong('it has no input', 'give it one or more')
  return [{ dtype: at.sameDType(...types), shape: at.broadcast(...types.map(({ shape }) => shape)) }]
}

// The exponent, and the bits of a shift, may be of another dtype than what they act on.
const pow: InferRule = (at) => [{ dtype: at.input(0).dtype, shape: at.broadcast(at.input(0).shape, at.input(1).shape) }]

const asBool: InferRule = (at) => [{ dtype: 'bool', shape: at.input(0).shape }]

const clip: InferRule = (at) => {
  const x = at.input(0)
  for (const i of [1, 2]) {
    const bound = at.optional(i)
    if (bound === undefined) continue
    at.sameDType(x, bound)
    if (bound.shape.length > 1 || (bound.shape.length === 1 && bound.shape[0] !== 1))
      throw at.wrong(`its bound ${i} is no single number`, 'give a tensor of no dimensions')
  }
  return [x]
}

/** The dtype that an attribute names by ONNX's number. */
export const dtypeAttribute = (at: NodeContext, name: string, otherwise: DType): DType => {
  const number = at.attribute(name, 'int')
  if (number === undefined) return otherwise
  const dtype = dtypeOfElementType(number)
  if (dtype === undefined)
    throw at.wrong(
      `its attribute "${name}" is element type ${number}, which is not held here`,
      'use float32, float16 or a whole-number type',
      'unsupported',
    )
  return dtype
}

const cast: InferRule = (at) => {
  if (at.attribute('to', 'int') === undefined) throw at.wrong('it has no attribute "to"', 'name the element type to convert to')
  return [{ dtype: dtypeAttribute(at, 'to', 'float32'), shape: at.input(0).shape }]
}

const where: InferRule = (at) => {
  at.wants(0, 'bool')
  const [condition, a, b] = [at.input(0), at.input(1), at.input(2)]
  return [{ dtype: at.sameDType(a, b), shape: at.broadcast(condition.shape, a.shape, b.shape) }]
}

const prelu: InferRule = (at) => {
  const [x, slope] = [at.input(0), at.input(1)]
  at.sameDType(x, slope)
  if (slope.shape.length > x.shape.length)
    throw at.wrong('its slope has more dimensions than what it acts on', 'a slope broadcasts to its input')
  at.broadcast(x.shape, slope.shape)
  return [x]
}

const dropout: InferRule = (at) => {
  const x: ValueType = at.input(0)
  return [x, { dtype: 'bool', shape: x.shape }]
}

const withAxis =
  (least = 1): InferRule =>
  (at) => {
    const x = at.rank(0, least, Infinity)
    at.axis(at.int('axis', -1), x.shape.length)
    return [x]
  }

const unary = ['Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'BitwiseNot', 'Ceil', 'Celu', 'Cos', 'Cosh', 'Elu', 'Erf', 'Exp', 'Floor', 'Gelu', 'HardSigmoid', 'HardSwish', 'Identity', 'LeakyRelu', 'Log', 'Mish', 'Neg', 'Reciprocal', 'Relu', 'Round', 'Selu', 'Shrink', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Softplus', 'Softsign', 'Sqrt', 'Tan', 'Tanh', 'ThresholdedRelu'] as const // prettier-ignore
const arithmetic = ['Add', 'Sub', 'Mul', 'Div', 'Mod', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor'] as const
const comparisons = ['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'] as const

const each = (names: readonly string[], rule: InferRule): Record<string, InferRule> => Object.fromEntries(names.map((name) => [name, rule]))

export const elementwise: Readonly<Record<string, InferRule>> = {
  ...each(unary, same),
  ...each(arithmetic, joined()),
  ...each(comparisons, joined('bool')),
  ...each(['And', 'Or', 'Xor'], logical),
  ...each(['Sum', 'Mean', 'Min', 'Max'], variadic),
  ...each(['Softmax', 'LogSoftmax', 'Hardmax'], withAxis()),
  ...each(['IsNaN', 'IsInf'], asBool),
  Not: (at) => {
    at.wants(0, 'bool')
    return same(at)
  },
  BitShift: joined(),
  Pow: pow,
  Clip: clip,
  Cast: cast,
  CastLike: (at) => [{ dtype: at.input(1).dtype, shape: at.input(0).shape }],
  Where: where,
  PRelu: prelu,
  Dropout: dropout,
  CumSum: (at) => {
    const x = at.rank(0, 1, Infinity)
    for (const axis of at.numbers(1) ?? []) at.axis(axis, x.shape.length)
    return [x]
  },
  Trilu: (at) => [at.rank(0, 2, Infinity)],
}
