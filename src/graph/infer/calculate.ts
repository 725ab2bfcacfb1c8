import type { DType } from '../../core/dtype.ts'
import type { Dim, ValueType } from '../graph.ts'
import type { NodeContext } from './context.ts'
import type { Elements } from './elements.ts'

type Element = Dim | undefined
type Values = readonly Element[]

const isWhole = (dtype: DType): boolean => dtype !== 'float32' && dtype !== 'float64'

/** A number as its dtype holds it; undefined where that is not exactly known. */
const held = (dtype: DType, value: number): number | undefined => {
  if (dtype === 'float32') return Math.fround(value)
  if (dtype === 'float64') return value
  if (dtype === 'bool') return value === 0 ? 0 : 1
  // What wraps around is left to the runtime.
  return Number.isSafeInteger(value) && (dtype !== 'int32' || value === (value | 0)) ? value : undefined
}

const numbers: Readonly<Record<string, (a: number, b: number, whole: boolean, at: NodeContext) => number | undefined>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b, whole) => (b === 0 ? undefined : whole ? Math.trunc(a / b) : a / b),
  // The sign of the divisor, as Python has it; with fmod that of the dividend.
  Mod: (a, b, _whole, at) => (b === 0 ? undefined : at.int('fmod', 0) === 0 ? ((a % b) + b) % b : a % b),
  Min: (a, b) => Math.min(a, b),
  Max: (a, b) => Math.max(a, b),
  Equal: (a, b) => Number(a === b),
  Less: (a, b) => Number(a < b),
  LessOrEqual: (a, b) => Number(a <= b),
  Greater: (a, b) => Number(a > b),
  GreaterOrEqual: (a, b) => Number(a >= b),
  And: (a, b) => a * b,
  Or: (a, b) => Math.max(a, b),
  Xor: (a, b) => Number(a !== b),
}

/** What holds for every side, whatever its length: it is 0 or more. */
const named = (op: string, a: Element, b: Element): Element => {
  if (a === undefined || b === undefined) return undefined
  if (op === 'Add') return a === 0 ? b : b === 0 ? a : undefined
  if (op === 'Sub') return b === 0 ? a : a === b ? 0 : undefined
  if (op === 'Mul') return a === 1 ? b : b === 1 ? a : a === 0 || b === 0 ? 0 : undefined
  if (op === 'Div') return b === 1 ? a : undefined
  if (op === 'Min' || op === 'Max') return a === b ? a : undefined
  if (op === 'Equal') return a === b ? 1 : (typeof a === 'number' && a < 0) || (typeof b === 'number' && b < 0) ? 0 : undefined
  return undefined
}

const singles: Readonly<Record<string, (a: number) => number>> = {
  Identity: (a) => a,
  Neg: (a) => -a,
  Abs: Math.abs,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Sqrt: Math.sqrt,
  Sign: Math.sign,
  Not: (a) => 1 - a,
  Relu: (a) => Math.max(a, 0),
}

const castTo = (dtype: DType, a: number): number | undefined => held(dtype, isWhole(dtype) && dtype !== 'bool' ? Math.trunc(a) : a)

/** Elements as a larger shape reads them. */
const read = ({ shape, values }: Elements, over: readonly number[]): ((flat: number) => Element) => {
  if (values.length === 1) return () => values[0]
  return (flat) => {
    let [rest, at, stride] = [flat, 0, 1]
    for (let axis = over.length - 1, own = shape.length - 1; axis >= 0; axis--, own--) {
      const [side = 1, mine = 1] = [over[axis], shape[own]]
      if (mine > 1) at += (rest % side) * stride
      stride *= mine
      rest = Math.floor(rest / side)
    }
    return values[at]
  }
}

const overAll = (at: NodeContext, { dtype, shape }: ValueType, inputs: readonly Elements[]): Values | undefined => {
  const { op } = at.node
  const sides = shape.filter((side) => typeof side === 'number')
  const length = sides.reduce((product, side) => product * side, 1)
  const readers = inputs.map((input) => read(input, sides))
  const pair = numbers[op]
  const element = (flat: number): Element => {
    const [first, ...rest] = readers.map((reader) => reader(flat))
    if (op === 'Where') return first === undefined ? undefined : rest[first === 0 ? 1 : 0]
    return rest.reduce<Element>((a, b) => {
      const from = inputs[0]?.dtype ?? dtype
      const found = typeof a === 'number' && typeof b === 'number' ? pair?.(a, b, isWhole(from), at) : named(op, a, b)
      return typeof found === 'number' ? held(dtype, found) : found
    }, first)
  }
  return Array.from({ length }, (_, flat) => element(flat))
}

const REDUCED: Readonly<Record<string, (a: number, b: number) => number>> = {
  ReduceSum: (a, b) => a + b,
  ReduceProd: (a, b) => a * b,
  ReduceMax: Math.max,
  ReduceMin: Math.min,
}

/** The elements of what is computed one by one; undefined where that is not known or not of this kind. */
export const calculate = (at: NodeContext, type: ValueType): Values | undefined => {
  const { op, inputs } = at.node
  const reduce = REDUCED[op]
  const single = singles[op]
  const many = op === 'Where' || Object.hasOwn(numbers, op)
  if (single === undefined && reduce === undefined && !many && op !== 'Cast') return undefined
  const given = inputs.map((_, i) => at.elements(i))
  const [first] = given
  if (many) {
    const all = given.filter((elements) => elements !== undefined)
    return all.length === given.length ? overAll(at, type, all) : undefined
  }
  if (first === undefined) return undefined
  // A reduction is followed over all elements of one dimension: what a product of sides is.
  if (reduce !== undefined)
    return first.shape.length === 1 && type.shape.every((side) => side === 1) && first.values.length > 0
      ? [
          first.values.reduce((a, b) =>
            typeof a === 'number' && typeof b === 'number'
              ? held(type.dtype, reduce(a, b))
              : op === 'ReduceProd'
                ? named('Mul', a, b)
                : undefined,
          ),
        ]
      : undefined
  return first.values.map((value) => {
    if (typeof value !== 'number')
      return op === 'Identity' || op === 'Cast' || op === 'Relu' || op === 'Abs' || op === 'Floor' || op === 'Ceil' ? value : undefined
    return op === 'Cast' ? castTo(type.dtype, value) : held(type.dtype, single?.(value) ?? NaN)
  })
}
