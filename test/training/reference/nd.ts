import { dtypes, type DType } from '../../../src/core/dtype.ts'
import { Tensor } from '../../../src/core/tensor.ts'

/**
 * An array of the reference: every element is a float64, whatever its dtype says. Floats are never rounded to their
 * dtype, so that results are those of real numbers; whole numbers are exact to 2^53.
 */
export interface Nd {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Float64Array
}

export const FLOATS: ReadonlySet<DType> = new Set<DType>(['float32', 'float64', 'float16'])

/** The element at a place that must be there. */
export const item = (from: ArrayLike<number>, place: number): number => {
  const found = from[place]
  if (found === undefined) throw new RangeError(`no element ${place} among ${from.length}`)
  return found
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1)

/** A whole number as its dtype holds it: wrapped around. 64 bits are left as they are. */
export const fit = (dtype: DType, value: number): number => {
  switch (dtype) {
    case 'bool':
      return value === 0 ? 0 : 1
    case 'uint8':
      return value & 0xff
    case 'int8':
      return (value << 24) >> 24
    case 'uint16':
      return value & 0xffff
    case 'int16':
      return (value << 16) >> 16
    case 'int32':
      return value | 0
    case 'uint32':
      return value >>> 0
    default:
      return value
  }
}

/** Calls back for each coordinate of a shape in row-major order. The coordinate is one array that changes: copy it to keep it. */
export const each = (shape: readonly number[], visit: (at: number[], place: number) => void): void => {
  const size = sizeOf(shape)
  const at = shape.map(() => 0)
  for (let place = 0; place < size; place++) {
    visit(at, place)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = item(at, axis) + 1
      at[axis] = next === shape[axis] ? 0 : next
      if (at[axis] !== 0) break
    }
  }
}

/** An array whose elements are a function of their coordinates. */
export const make = (dtype: DType, shape: readonly number[], element: (at: number[], place: number) => number): Nd => {
  const data = new Float64Array(sizeOf(shape))
  each(shape, (at, place) => {
    data[place] = fit(dtype, element(at, place))
  })
  return { dtype, shape: [...shape], data }
}

/** The place of a coordinate in row-major order; it must lie inside. */
export const placeOf = (shape: readonly number[], at: readonly number[]): number => {
  if (at.length !== shape.length) throw new RangeError(`coordinate [${at.join()}] in shape [${shape.join()}]`)
  let place = 0
  for (const [axis, side] of shape.entries()) {
    const i = item(at, axis)
    if (!(i >= 0 && i < side)) throw new RangeError(`coordinate [${at.join()}] outside shape [${shape.join()}]`)
    place = place * side + i
  }
  return place
}
export const read = (from: Nd, at: readonly number[]): number => item(from.data, placeOf(from.shape, at))

/** The element that broadcasting puts at a coordinate of the wider shape. */
export const readBroadcast = (from: Nd, at: readonly number[]): number => {
  const lead = at.length - from.shape.length
  let place = 0
  for (const [axis, side] of from.shape.entries()) place = place * side + (side === 1 ? 0 : item(at, lead + axis))
  return item(from.data, place)
}

/** The shape that shapes have together by broadcasting: sides equal or 1, counted from the right. */
export const broadcast = (...shapes: readonly (readonly number[])[]): number[] => {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    let side = 1
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1
      if (own !== 1 && side !== 1 && own !== side) throw new RangeError(`shapes ${shapes.map((s) => `[${s.join()}]`).join(' and ')}`)
      if (own !== 1) side = own
    }
    return side
  })
}

/** An axis counted from the end as one counted from the beginning. */
export const axisOf = (axis: number, rank: number): number => {
  const found = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(found) || found < 0 || found >= Math.max(rank, 1)) throw new RangeError(`axis ${axis} of ${rank}`)
  return found
}

export const reshaped = (from: Nd, shape: readonly number[]): Nd => {
  if (sizeOf(shape) !== from.data.length) throw new RangeError(`[${from.shape.join()}] as [${shape.join()}]`)
  return { ...from, shape: [...shape] }
}

/** Shapes, axes and indices, as plain numbers. */
export const numbersOf = (from: Nd): number[] => [...from.data]

export const scalarOf = (from: Nd): number => {
  if (from.data.length !== 1) throw new RangeError(`one element is wanted, not shape [${from.shape.join()}]`)
  return item(from.data, 0)
}

export const nd = (dtype: DType, shape: readonly number[], data: Iterable<number>): Nd => {
  const held = Float64Array.from(data)
  if (held.length !== sizeOf(shape)) throw new RangeError(`${held.length} elements for shape [${shape.join()}]`)
  return { dtype, shape: [...shape], data: held }
}

const fromHalf = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

export const fromTensor = (tensor: Tensor): Nd => {
  const { dtype, shape } = tensor
  if (dtype === 'string' || dtype === 'int4' || dtype === 'uint4') throw new Error(`the reference has no ${dtype}`)
  const elements = Array.from(tensor.data, Number)
  return nd(dtype, shape, dtype === 'float16' ? elements.map(fromHalf) : elements)
}

/** Rounded to what the dtype holds. */
export const toTensor = ({ dtype, shape, data }: Nd): Tensor => {
  const { array } = dtypes[dtype]
  if (dtype === 'float16' || array === 'string[]') throw new Error(`the reference writes no ${dtype}`)
  if (array === BigInt64Array || array === BigUint64Array) return new Tensor<DType>(dtype, array.from(Array.from(data, BigInt)), shape)
  const held = new array(data.length)
  for (const [place, value] of data.entries()) held[place] = value
  return new Tensor<DType>(dtype, held, shape)
}
