import { byteLengthOf, type DType, dtypes, type NumericDType } from '../core/dtype.ts'
import { failure, isActiveStorageError } from '../core/errors.ts'
import { bytesOf, Tensor, tensorFromBytes } from '../core/tensor.ts'
import { dtypeOfElementType, elementTypes } from './element-types.ts'
import { countVarints, eachVarint, type Field, fieldsOf, intAt, lastOf, MessageWriter, textAt, textOf, varintsOf } from './wire.ts'

/** Files that hold tensors outside the model, by the location that it gives. */
export type External = Readonly<Record<string, Uint8Array>>

const EXTERNAL = 1n
const DIMS = 1
const DTYPE = 2
const NAME = 8
const RAW = 9

const wholeOf = (text: string | undefined): number | undefined =>
  text === undefined ? 0 : /^\d{1,15}$/.test(text) ? Number(text) : undefined

const externalBytes = (fields: readonly Field[], expected: number, external: External, name: string): Uint8Array => {
  const entries = new Map(fields.filter(({ id }) => id === 13).map(({ bytes }) => { const entry = fieldsOf(bytes); return [textAt(entry, 1), textAt(entry, 2)] })) // prettier-ignore
  const location = entries.get('location') ?? ''
  const file = Object.hasOwn(external, location) ? external[location] : undefined
  if (file === undefined)
    throw failure(
      'bad-model',
      `tensor "${name}" is kept in "${location.slice(0, 200)}", which was not given: give that file, or export the model as one file`,
    )
  const offset = wholeOf(entries.get('offset'))
  const length = entries.has('length') ? wholeOf(entries.get('length')) : expected
  if (offset === undefined || length !== expected || offset + expected > file.length)
    throw failure(
      'bad-model',
      `tensor "${name}" takes ${expected} bytes from ${entries.get('offset') ?? 0} of "${location}", which has ${file.length}: export the model again`,
    )
  return file.subarray(offset, offset + expected)
}

/** The bytes of a packed or spread field of fixed-width numbers. */
const fixedBytes = (fields: readonly Field[], id: number): Uint8Array => {
  const found = fields.filter((field) => field.id === id).map(({ bytes }) => bytes)
  const [only] = found
  return found.length === 1 && only !== undefined ? only : Buffer.concat(found)
}

/** The bytes of elements of one width, from numbers as int32_data and its like hold them. */
const narrowed = (dtype: NumericDType, fields: readonly Field[]): Uint8Array => {
  const { bits } = dtypes[dtype]
  const count = fields.reduce((sum, field) => sum + countVarints(field), 0)
  let at = 0
  const into = <A extends Uint8Array | Uint16Array | Int32Array | BigInt64Array>(array: A, set: (array: A, value: bigint) => void) => {
    for (const field of fields) eachVarint(field, (value) => set(array, value))
    return new Uint8Array(array.buffer)
  }
  if (bits === 64) return into(new BigInt64Array(count), (array, value) => (array[at++] = value))
  if (bits === 32) return into(new Int32Array(count), (array, value) => (array[at++] = Number(BigInt.asIntN(32, value))))
  if (bits === 16) return into(new Uint16Array(count), (array, value) => (array[at++] = Number(BigInt.asUintN(16, value))))
  return into(new Uint8Array(count), (array, value) => (array[at++] = Number(BigInt.asUintN(8, value))))
}

// Which field of a TensorProto holds a dtype that is not raw.
const typedField = (dtype: DType): number => {
  if (dtype === 'float32') return 4
  if (dtype === 'float64') return 10
  if (dtype === 'int64') return 7
  return dtype === 'uint32' || dtype === 'uint64' ? 11 : 5
}

const numericBytes = (fields: readonly Field[], dtype: NumericDType): Uint8Array => {
  const id = typedField(dtype)
  if (dtype === 'float32' || dtype === 'float64') return fixedBytes(fields, id)
  return narrowed(
    dtype,
    fields.filter((field) => field.id === id),
  )
}

const sidesOf = (fields: readonly Field[]): readonly number[] =>
  fields.filter(({ id }) => id === DIMS).flatMap((field) => varintsOf(field).map(Number))

/** A TensorProto with its name. @throws ActiveStorageError `bad-model`, `unsupported` */
export const readTensor = (bytes: Uint8Array, external: External, of = ''): { readonly name: string; readonly tensor: Tensor } => {
  const fields = fieldsOf(bytes)
  const name = textAt(fields, NAME)
  const called = name === '' ? of : name
  const number = Number(intAt(fields, DTYPE))
  const dtype = dtypeOfElementType(number)
  if (dtype === undefined)
    throw failure(
      'unsupported',
      `tensor "${called}" is of ONNX's element type ${number}, which is not held here: export the model with float32 or float16`,
    )
  if (lastOf(fields, 3) !== undefined) throw failure('unsupported', `tensor "${called}" is kept in segments: export the model again`)
  const shape = sidesOf(fields)
  const count = shape.reduce((product, side) => product * side, 1)
  if (shape.length > 32 || shape.some((side) => side < 0) || !Number.isSafeInteger(count))
    throw failure('bad-model', `tensor "${called}" claims the shape [${shape.slice(0, 33).join(', ')}]: export the model again`)
  try {
    if (dtype === 'string') return { name, tensor: new Tensor(dtype, fields.filter(({ id }) => id === 6).map(textOf), shape) } // prettier-ignore
    const raw = lastOf(fields, RAW)?.bytes
    const expected = byteLengthOf(dtype, count)
    // The bytes are there before the size is believed: nothing is allocated for a claim alone.
    const data =
      intAt(fields, 14) === EXTERNAL
        ? externalBytes(fields, expected, external, called)
        : raw !== undefined && raw.length > 0
          ? raw
          : numericBytes(fields, dtype)
    return { name, tensor: tensorFromBytes(dtype, data, shape) }
  } catch (error) {
    if (!isActiveStorageError(error, 'tensor-mismatch')) throw error
    throw failure('bad-model', `tensor "${called}": ${error.text}: export the model again`, error)
  }
}

/** The fields of a TensorProto; `kept` are fields of the file it came from. */
export const writeTensor = (name: string, tensor: Tensor, kept: readonly Uint8Array[] = []): MessageWriter => {
  const writer = new MessageWriter()
  for (const side of tensor.shape) writer.int(DIMS, side)
  writer.int(DTYPE, elementTypes[tensor.dtype])
  if (tensor.dtype === 'string') for (const text of tensor.data) writer.text(6, String(text))
  if (name !== '') writer.text(NAME, name)
  if (tensor.dtype !== 'string') writer.bytes(RAW, bytesOf(tensor))
  return writer.raw(kept)
}

/** Numbers of the fields that a tensor's name, type, shape and data stand in. */
export const tensorFields: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]
