import { failure } from '../core/errors.ts'
import { dtypeOfElementType } from './element-types.ts'
import type { Dim, ValueType } from './graph.ts'
import { fieldsOf, intAt, lastOf, textAt } from './wire.ts'

/** What a ValueInfoProto states. A tensor whose rank it does not give is not `shaped`. */
export const readType = (bytes: Uint8Array): { readonly name: string; readonly type: ValueType; readonly shaped: boolean } => {
  const fields = fieldsOf(bytes)
  const name = textAt(fields, 1)
  const stated = lastOf(fields, 2)
  if (stated === undefined) return { name, type: { dtype: 'float32', shape: [] }, shaped: false }
  const tensor = lastOf(fieldsOf(stated.bytes), 1)
  if (tensor === undefined)
    throw failure('unsupported', `"${name}" is no tensor but a sequence, a map or an optional: export the model with tensors`)
  const parts = fieldsOf(tensor.bytes)
  const number = Number(intAt(parts, 1))
  const dtype = dtypeOfElementType(number)
  if (dtype === undefined)
    throw failure(
      'unsupported',
      `"${name}" is of ONNX's element type ${number}, which is not held here: export the model with float32 or float16`,
    )
  const shape = lastOf(parts, 2)
  if (shape === undefined) return { name, type: { dtype, shape: [] }, shaped: false }
  const sides = fieldsOf(shape.bytes)
    .filter(({ id }) => id === 1)
    .map(({ bytes: side }, axis): Dim => {
      const dim = fieldsOf(side)
      const value = lastOf(dim, 1)
      // Some exporters write -1, and some 0, for what is not known; an empty side is possible, so 0 stays.
      if (value !== undefined && value.int >= 0n && value.int <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value.int)
      const symbol = textAt(dim, 2)
      return symbol === '' ? `${name}_side${axis}` : symbol
    })
  return { name, type: { dtype, shape: sides }, shaped: true }
}
