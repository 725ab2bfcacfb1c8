import type { Call, Family, Op } from './call.ts'
import { make, item } from './nd.ts'

const TERMS = 400

/** The error function by its series of positive terms: exact to the last places, and slow. */
export const erf = (x: number): number => {
  if (Number.isNaN(x)) return x
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; n < TERMS && Math.abs(term) > Math.abs(sum) * 1e-18; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const hardSigmoid = (x: number, alpha: number, beta: number): number => Math.max(0, Math.min(1, alpha * x + beta))

const roundEven = (x: number): number => {
  const low = Math.floor(x)
  const rest = x - low
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1
  return low % 2 === 0 ? low : low + 1
}

const gelu = (x: number, call: Call): number => {
  const approximate = call.text('approximate', 'none')
  if (approximate === 'none') return 0.5 * x * (1 + erf(x / Math.SQRT2))
  if (approximate !== 'tanh') call.refuse(`approximate=${approximate}`)
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

const SELU_ALPHA = 1.67326319217681884765625
const SELU_GAMMA = 1.05070102214813232421875

/** Functions of one element, with the node for its attributes. */
const functions: Readonly<Record<string, (x: number, call: Call) => number>> = {
  Identity: (x) => x,
  Abs: Math.abs,
  Neg: (x) => -x,
  Sign: Math.sign,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Round: roundEven,
  Reciprocal: (x) => 1 / x,
  Sqrt: Math.sqrt,
  Exp: Math.exp,
  Log: Math.log,
  Sin: Math.sin,
  Cos: Math.cos,
  Tan: Math.tan,
  Asin: Math.asin,
  Acos: Math.acos,
  Atan: Math.atan,
  Sinh: Math.sinh,
  Cosh: Math.cosh,
  Tanh: Math.tanh,
  Asinh: Math.asinh,
  Acosh: Math.acosh,
  Atanh: Math.atanh,
  Erf: erf,
  Sigmoid: sigmoid,
  Relu: (x) => Math.max(x, 0),
  Softplus: softplus,
  Softsign: (x) => x / (1 + Math.abs(x)),
  HardSwish: (x) => x * hardSigmoid(x, 1 / 6, 0.5),
  Mish: (x) => x * Math.tanh(softplus(x)),
  Gelu: gelu,
  LeakyRelu: (x, call) => (x < 0 ? call.float('alpha', 0.01) * x : x),
  Elu: (x, call) => (x < 0 ? call.float('alpha', 1) * Math.expm1(x) : x),
  Celu: (x, call) => Math.max(0, x) + Math.min(0, call.float('alpha', 1) * Math.expm1(x / call.float('alpha', 1))),
  Selu: (x, call) => call.float('gamma', SELU_GAMMA) * (x > 0 ? x : call.float('alpha', SELU_ALPHA) * Math.expm1(x)),
  ThresholdedRelu: (x, call) => (x > call.float('alpha', 1) ? x : 0),
  HardSigmoid: (x, call) => hardSigmoid(x, call.float('alpha', 0.2), call.float('beta', 0.5)),
  Shrink: (x, call) => {
    const lambd = call.float('lambd', 0.5)
    const bias = call.float('bias', 0)
    if (x < -lambd) return x + bias
    return x > lambd ? x - bias : 0
  },
}

/** Functions of one element that give a truth. */
const tests: Readonly<Record<string, (x: number, call: Call) => boolean>> = {
  Not: (x) => x === 0,
  IsNaN: (x) => Number.isNaN(x),
  IsInf: (x, call) => (x === Infinity && call.flag('detect_positive', 1)) || (x === -Infinity && call.flag('detect_negative', 1)),
}

const family: Record<string, Op> = {}
for (const [op, apply] of Object.entries(functions)) {
  family[op] = (call) => {
    const { dtype, shape, data } = call.get(0)
    return [make(dtype, shape, (_, place) => apply(item(data, place), call))]
  }
}
for (const [op, apply] of Object.entries(tests)) {
  family[op] = (call) => {
    const { shape, data } = call.get(0)
    return [make('bool', shape, (_, place) => (apply(item(data, place), call) ? 1 : 0))]
  }
}
export const unary: Family = family
