import type { DType } from '../core/dtype.ts'

/** ONNX's number of each element type (TensorProto.DataType). Complex, bfloat16 and 8-bit floats have no dtype here. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  uint4: 21,
  int4: 22,
} as const satisfies Record<DType, number>

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table, which `satisfies` holds to be dtypes
const byNumber = new Map<number, DType>((Object.entries(elementTypes) as [DType, number][]).map(([dtype, number]) => [number, dtype]))

/** The dtype of ONNX's number; undefined for those that have none here. */
export const dtypeOfElementType = (number: number): DType | undefined => byNumber.get(number)
