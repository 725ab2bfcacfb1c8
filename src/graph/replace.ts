import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import { checkBoundsOf } from './bounds.ts'
import { dtypeOfElementType } from './element-types.ts'
import { tensorFields, writeTensor } from './tensor-proto.ts'
import { type Field, fieldsOf, intAt, MessageWriter, restOf, textAt, textOf, unreadable, varintsOf } from './wire.ts'

/** A TensorProto with other elements; its own dtype and shape must be theirs. */
const replaced = (bytes: Uint8Array, name: string, tensor: Tensor): MessageWriter => {
  const fields = fieldsOf(bytes)
  const shape = fields.filter(({ id }) => id === 1).flatMap((field) => varintsOf(field).map(Number))
  const dtype = dtypeOfElementType(Number(intAt(fields, 2)))
  if (dtype !== tensor.dtype || shape.join() !== tensor.shape.join())
    throw failure(
      'tensor-mismatch',
      `the file holds "${name}" as ${dtype ?? 'another type'}[${shape.join(', ')}], not as ${tensor.dtype}[${tensor.shape.join(', ')}]: give it back as it was`,
    )
  return writeTensor(textAt(fields, 8), tensor, restOf(fields, tensorFields))
}

/** A message with some of its fields rewritten; the others stay as they are. */
const rewritten = (bytes: Uint8Array, change: (field: Field) => MessageWriter | undefined): MessageWriter => {
  const writer = new MessageWriter()
  for (const field of fieldsOf(bytes)) {
    const other = change(field)
    if (other === undefined) writer.raw([field.raw])
    else writer.message(field.id, other)
  }
  return writer
}

/**
 * An ONNX file with other weights: initializers, and the tensors of Constant nodes, by the name that the graph knows them
 * by. All else stays byte for byte, also what is not understood here; weights that were kept outside the file stand in it.
 * @throws ActiveStorageError `not-found` for a name that the file does not have, `tensor-mismatch` for another shape
 */
export const withInitializers = (file: Uint8Array, weights: ReadonlyMap<string, Tensor>): Uint8Array => {
  const left = new Set(weights.keys())
  const take = (name: string): Tensor | undefined => {
    const tensor = weights.get(name)
    if (tensor !== undefined) left.delete(name)
    return tensor
  }
  const inConstant = (bytes: Uint8Array): MessageWriter | undefined => {
    const fields = fieldsOf(bytes)
    const output = fields.find(({ id }) => id === 2)
    if (textAt(fields, 4) !== 'Constant' || output === undefined) return undefined
    const name = textOf(output)
    if (!weights.has(name)) return undefined
    return rewritten(bytes, (attribute) => {
      if (attribute.id !== 5 || textAt(fieldsOf(attribute.bytes), 1) !== 'value') return undefined
      const tensor = take(name)
      return tensor && rewritten(attribute.bytes, (value) => (value.id === 5 ? replaced(value.bytes, name, tensor) : undefined))
    })
  }
  const inGraph = ({ id, bytes }: Field): MessageWriter | undefined => {
    if (id === 1) return inConstant(bytes)
    if (id !== 5) return undefined
    const name = textAt(fieldsOf(bytes), 8)
    const tensor = take(name)
    return tensor && replaced(bytes, name, tensor)
  }
  checkBoundsOf(file)
  if (!fieldsOf(file).some(({ id }) => id === 7)) throw unreadable('it has no graph')
  const written = rewritten(file, ({ id, bytes }) => (id === 7 ? rewritten(bytes, inGraph) : undefined)).finish()
  const [missing] = left
  if (missing !== undefined) throw failure('not-found', `the file has no weight "${missing}": use the names of its initializers`)
  return written
}
