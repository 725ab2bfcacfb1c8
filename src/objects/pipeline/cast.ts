import type { DType } from '../../core/dtype.ts'
import { fromHalf, toHalf } from '../../core/half.ts'

export const integerDtypes = ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64'] as const
type IntegerDtype = (typeof integerDtypes)[number]

const ranges: Readonly<Record<IntegerDtype | 'bool', readonly [least: bigint, most: bigint]>> = {
  bool: [0n, 1n],
  uint8: [0n, 255n],
  int8: [-128n, 127n],
  uint16: [0n, 65_535n],
  int16: [-32_768n, 32_767n],
  uint32: [0n, 2n ** 32n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
}
const isRanged = (dtype: DType): dtype is IntegerDtype | 'bool' => Object.hasOwn(ranges, dtype)

/** The number that an element of a tensor's array stands for: those of float16 are bits. */
export const elementValue = (dtype: DType): ((element: number | bigint) => number | bigint) =>
  dtype === 'float16' ? (element) => fromHalf(Number(element)) : (element) => element

/**
 * Converts numbers to elements of a dtype. What the dtype does not hold gives undefined: a fraction, NaN or a number out of
 * range for whole numbers (they never wrap), a finite number that would become infinite for fractions. Fractions are rounded.
 */
export const castTo = (dtype: Exclude<DType, 'string'>): ((value: number | bigint) => number | bigint | undefined) => {
  if (isRanged(dtype)) {
    const [least, most] = ranges[dtype]
    if (dtype === 'int64' || dtype === 'uint64')
      return (value) => {
        if (typeof value === 'number' && !Number.isInteger(value)) return undefined
        const whole = BigInt(value)
        return whole >= least && whole <= most ? whole : undefined
      }
    const [low, high] = [Number(least), Number(most)]
    return (value) => {
      if (typeof value === 'bigint') return value >= least && value <= most ? Number(value) : undefined
      return Number.isInteger(value) && value >= low && value <= high ? value : undefined
    }
  }
  return (value) => {
    const given = Number(value)
    if (dtype === 'float64') return given
    const rounded = dtype === 'float32' ? Math.fround(given) : fromHalf(toHalf(given))
    if (!Number.isFinite(rounded) && Number.isFinite(given)) return undefined
    return dtype === 'float32' ? rounded : toHalf(given)
  }
}
