import { type DataOf, type DType, dtypes, byteLengthOf, isDType, type NumericDType } from './dtype.ts'
import { failure } from './errors.ts'

/** No tensor has more dimensions than this: a bound on what a message may claim. */
const MAX_RANK = 32

const sizeOf = (shape: readonly number[]): number => {
  if (shape.length > MAX_RANK) throw failure('tensor-mismatch', `a tensor of ${shape.length} dimensions; the most is ${MAX_RANK}`)
  let size = 1
  for (const side of shape) {
    if (!Number.isSafeInteger(side) || side < 0)
      throw failure('tensor-mismatch', `a side of ${side} in shape [${shape.join(', ')}]; sides are whole numbers from 0`)
    size *= side
  }
  if (!Number.isSafeInteger(size)) throw failure('tensor-mismatch', `shape [${shape.join(', ')}] has more elements than a number can count`)
  return size
}

/** What newer runtimes call `Float16Array`: half-precision floats as numbers. */
export interface HalfArray extends ArrayBufferView {
  readonly length: number
  readonly BYTES_PER_ELEMENT: number
  readonly [Symbol.toStringTag]: string
}
/** What a tensor of dtype D is made of: the array that holds it, or, for float16, a `Float16Array`. */
export type Given<D extends DType> = DataOf<D> | (D extends 'float16' ? HalfArray : never)

// By its tag: the class is not there on every supported runtime.
const isHalfArray = (data: unknown): data is HalfArray => ArrayBuffer.isView(data) && described(data) === 'Float16Array'

/**
 * A dense, row-major array of one dtype. Immutable by contract: whoever received one may read it for ever,
 * and nobody writes to it after construction.
 */
export class Tensor<D extends DType = DType> {
  readonly dtype: D
  readonly data: DataOf<D>
  readonly shape: readonly number[]

  /**
   * @param data elements in row-major order; taken over, not copied. A `Float16Array` becomes a `Uint16Array` over the
   * same memory, so that `data` of float16 is raw bits on every runtime.
   * @throws ActiveStorageError `tensor-mismatch` where dtype, array type, shape and length disagree.
   */
  constructor(dtype: D, data: Given<D>, shape: readonly number[]) {
    const size = sizeOf(shape)
    if (!isDType(dtype)) throw failure('tensor-mismatch', `"${String(dtype)}" is not a dtype; there are ${Object.keys(dtypes).join(', ')}`)
    const entry = dtypes[dtype]
    const held: unknown = dtype === 'float16' && isHalfArray(data) ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data
    if (entry.array === 'string[]' ? !Array.isArray(held) : !(held instanceof entry.array)) {
      throw failure(
        'tensor-mismatch',
        `dtype ${dtype} is held in ${entry.array === 'string[]' ? 'an array of strings' : entry.array.name}, not in ${described(held)}`,
      )
    }
    const expected = entry.bits === 4 ? Math.ceil(size / 2) : size
    if (data.length !== expected) {
      throw failure('tensor-mismatch', `shape [${shape.join(', ')}] of ${dtype} needs ${expected} elements, the data has ${data.length}`)
    }
    this.dtype = dtype
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- compared with the dtype's array above
    this.data = held as DataOf<D>
    this.shape = Object.freeze([...shape])
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  /** Bytes of the data; for strings, of their UTF-8 text. */
  get byteLength(): number {
    const data: unknown = this.data
    if (ArrayBuffer.isView(data)) return data.byteLength
    return (this as Tensor).dtype === 'string' ? stringBytes(this as Tensor) : 0
  }
}

// By its tag rather than its constructor, which an object need not have.
const described = (held: unknown): string =>
  typeof held === 'object' && held !== null ? Object.prototype.toString.call(held).slice(8, -1) : typeof held

const stringBytes = (tensor: Tensor): number => {
  let total = 0
  for (const text of tensor.data) total += typeof text === 'string' ? Buffer.byteLength(text) : 0
  return total
}

/**
 * A tensor over raw little-endian bytes: a view where the offset is aligned to the element, otherwise over one copy.
 * The bytes must stay unchanged for as long as the tensor is used.
 */
export const tensorFromBytes = (dtype: NumericDType, bytes: Uint8Array, shape: readonly number[]): Tensor => {
  const size = sizeOf(shape)
  const expected = byteLengthOf(dtype, size)
  if (bytes.byteLength !== expected) {
    throw failure('tensor-mismatch', `shape [${shape.join(', ')}] of ${dtype} needs ${expected} bytes, there are ${bytes.byteLength}`)
  }
  const { array } = dtypes[dtype]
  const width = array.BYTES_PER_ELEMENT
  const aligned = bytes.byteOffset % width === 0 && bytes.buffer instanceof ArrayBuffer ? bytes.buffer : undefined
  const [buffer, offset] = aligned === undefined ? [new Uint8Array(bytes).buffer, 0] : [aligned, bytes.byteOffset]
  return new Tensor<DType>(dtype, new array(buffer, offset, expected / width), shape)
}

/** The raw little-endian bytes of a numeric tensor, without a copy. */
export const bytesOf = (tensor: Tensor): Uint8Array => {
  const data: unknown = tensor.data
  if (!ArrayBuffer.isView(data)) throw failure('tensor-mismatch', 'a tensor of strings has no raw bytes')
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
