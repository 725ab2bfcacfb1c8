/** The element types of a tensor: those of onnxruntime-node's Tensor, with the array that holds each. */
interface DTypeEntry {
  /** Bits per element; 0 for strings, whose elements vary. */
  readonly bits: number
  readonly array: TypedArrayConstructor | 'string[]'
}
type TypedArrayConstructor =
  | typeof Float32Array
  | typeof Float64Array
  | typeof Uint8Array
  | typeof Int8Array
  | typeof Uint16Array
  | typeof Int16Array
  | typeof Uint32Array
  | typeof Int32Array
  | typeof BigUint64Array
  | typeof BigInt64Array

export const dtypes = {
  float32: { bits: 32, array: Float32Array },
  float64: { bits: 64, array: Float64Array },
  /** IEEE 754 half precision, as raw bits: JavaScript has no such array on every supported runtime. */
  float16: { bits: 16, array: Uint16Array },
  uint8: { bits: 8, array: Uint8Array },
  int8: { bits: 8, array: Int8Array },
  uint16: { bits: 16, array: Uint16Array },
  int16: { bits: 16, array: Int16Array },
  uint32: { bits: 32, array: Uint32Array },
  int32: { bits: 32, array: Int32Array },
  uint64: { bits: 64, array: BigUint64Array },
  int64: { bits: 64, array: BigInt64Array },
  /** One byte an element, 0 or 1. */
  bool: { bits: 8, array: Uint8Array },
  /** Two elements a byte, the first in the low nibble. */
  uint4: { bits: 4, array: Uint8Array },
  /** Raw bytes as well: what onnxruntime takes for it at run time, whatever its types say. */
  int4: { bits: 4, array: Uint8Array },
  string: { bits: 0, array: 'string[]' },
} as const satisfies Record<string, DTypeEntry>

export type DType = keyof typeof dtypes
type ArrayOf<A> = A extends 'string[]' ? readonly string[] : A extends abstract new (...args: never[]) => infer I ? I : never
/** The array that holds a tensor of dtype D. */
export type DataOf<D extends DType> = { [K in D]: ArrayOf<(typeof dtypes)[K]['array']> }[D]
export type NumericDType = Exclude<DType, 'string'>

export const isDType = (text: string): text is DType => Object.hasOwn(dtypes, text)

/** Bytes that `count` elements of a numeric dtype occupy. */
export const byteLengthOf = (dtype: NumericDType, count: number): number => Math.ceil((count * dtypes[dtype].bits) / 8)
