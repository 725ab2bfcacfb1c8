import type { DType } from '../../core/dtype.ts'
import { Tensor } from '../../core/tensor.ts'
import type { Dim } from '../graph.ts'

/**
 * What is known of a small tensor's elements before the graph runs: numbers, names of sides, or nothing (undefined).
 * Exported graphs compute the shapes they reshape to, so inference has to follow such tensors.
 */
export interface Elements {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly values: readonly (Dim | undefined)[]
}

/** Tensors of more elements are not followed: none that shapes are made of is so large. */
export const FOLLOWED = 2048

const kinds: readonly DType[] = ['int64', 'int32', 'bool', 'uint8', 'float32', 'float64']
/** Dtypes whose elements are followed: those that are exact in a number (int64 is checked one by one). */
export const isFollowed = (dtype: DType): boolean => kinds.includes(dtype)

/** The elements of a small tensor. */
export const elementsOf = (tensor: Tensor): Elements | undefined => {
  if (tensor.size > FOLLOWED || !isFollowed(tensor.dtype)) return undefined
  return { dtype: tensor.dtype, shape: tensor.shape, values: Array.from(tensor.data, Number) }
}

/** A tensor of elements; undefined where one is unknown, a name, or beyond what a number holds exactly. */
export const tensorOfElements = ({ dtype, shape, values }: Elements): Tensor | undefined => {
  const numbers = values.filter((value) => typeof value === 'number')
  if (numbers.length < values.length) return undefined
  if (dtype === 'float32') return new Tensor(dtype, Float32Array.from(numbers), shape)
  if (dtype === 'float64') return new Tensor(dtype, Float64Array.from(numbers), shape)
  if (!numbers.every(Number.isSafeInteger)) return undefined
  switch (dtype) {
    case 'int64':
      return new Tensor(dtype, BigInt64Array.from(numbers, BigInt), shape)
    case 'int32':
      return new Tensor(dtype, Int32Array.from(numbers), shape)
    case 'bool':
    case 'uint8':
      return new Tensor<DType>(dtype, Uint8Array.from(numbers), shape)
    default:
      return undefined
  }
}
