import protobuf from 'protobufjs'
import { failure } from '../core/errors.ts'

/** One field of a protobuf message, as it stands in the file. */
export interface Field {
  readonly id: number
  readonly type: number
  /** What a length-delimited field (type 2) holds: a view, not a copy. */
  readonly bytes: Uint8Array
  /** A varint (type 0), as a signed 64-bit number. */
  readonly int: bigint
  /** The field with its tag, for writing it back as it was. */
  readonly raw: Uint8Array
}

const NOTHING = new Uint8Array()

/** Fields of one message at the most: each takes far more memory than the two bytes that claim it. */
const MAX_FIELDS = 2 ** 19

/** An error of a file that is cut off or none of ours. */
export const unreadable = (what: string, cause?: unknown) =>
  failure('bad-model', `this is no ONNX file, or only a part of one (${what}): export or copy it again`, cause)

/**
 * The fields of a message, in order. Read one by one rather than by a schema, so that what is not known here can be
 * written back, and typed data is not spread into arrays of numbers before its size is checked.
 */
export const fieldsOf = (bytes: Uint8Array): readonly Field[] => {
  const reader = protobuf.Reader.create(bytes)
  const fields: Field[] = []
  try {
    while (reader.pos < reader.len) {
      if (fields.length >= MAX_FIELDS) throw new RangeError(`a message of more than ${MAX_FIELDS} fields`)
      const start = reader.pos
      const tag = reader.uint32()
      const [id, type] = [tag >>> 3, tag & 7]
      if (id === 0 || type === 3 || type === 4) throw new RangeError(`a field of number ${id} and type ${type}`)
      let content: Uint8Array = NOTHING
      let int = 0n
      if (type === 2) {
        const length = reader.uint32()
        content = bytes.subarray(reader.pos, reader.pos + length)
        reader.skip(length)
      } else if (type === 0) {
        const from = reader.pos
        reader.skip()
        int = varintOf(bytes, from, reader.pos)
      } else {
        const from = reader.pos
        reader.skipType(type)
        content = bytes.subarray(from, reader.pos)
      }
      fields.push({ id, type, bytes: content, int, raw: bytes.subarray(start, reader.pos) })
    }
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error), error)
  }
  return fields
}

const varintOf = (bytes: Uint8Array, from: number, to: number): bigint => {
  // Nearly all are small: a bigint for each step would be slow.
  if (to - from <= 4) {
    let value = 0
    for (let i = to - 1; i >= from; i--) value = value * 128 + ((bytes[i] ?? 0) & 0x7f)
    return BigInt(value)
  }
  let value = 0n
  for (let i = to - 1; i >= from; i--) value = (value << 7n) | BigInt((bytes[i] ?? 0) & 0x7f)
  return BigInt.asIntN(64, value)
}

/** Numbers of one packed field at the most: as bigints they take thirty times the bytes that claim them. */
const MAX_NUMBERS = 2 ** 20

/** The varints of a field: packed, or one. @throws `bad-model` for more than a million, which no list outside of tensors has */
export const varintsOf = (field: Field): readonly bigint[] => {
  if (field.type === 0) return [field.int]
  const { bytes } = field
  if (bytes.length > MAX_NUMBERS && countVarints(field) > MAX_NUMBERS) throw unreadable(`a list of more than ${MAX_NUMBERS} numbers`)
  const found: bigint[] = []
  eachVarint(field, (value) => found.push(value))
  return found
}

/** How many varints a field holds. */
export const countVarints = ({ type, bytes }: Field): number => {
  if (type === 0) return 1
  let count = 0
  for (const byte of bytes) if (byte < 0x80) count++
  return count
}
/** Gives each varint of a field to `take`, without a list of them. */
export const eachVarint = (field: Field, take: (value: bigint) => void): void => {
  if (field.type === 0) return take(field.int)
  const { bytes } = field
  for (let from = 0; from < bytes.length;) {
    let to = from
    while ((bytes[to] ?? 0) >= 0x80) to++
    if (to >= bytes.length || to - from >= 10) throw unreadable('a number without an end')
    take(varintOf(bytes, from, ++to))
    from = to
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** The text of a field. */
export const textOf = ({ bytes }: Field): string => {
  try {
    return utf8.decode(bytes)
  } catch (error) {
    throw failure('bad-model', 'a name or text of the model is not UTF-8: export it again', error)
  }
}

/** The last field of this number, which is what counts of one that may occur once. */
export const lastOf = (fields: readonly Field[], id: number): Field | undefined => fields.findLast((field) => field.id === id)
export const textAt = (fields: readonly Field[], id: number): string => {
  const field = lastOf(fields, id)
  return field === undefined ? '' : textOf(field)
}
export const intAt = (fields: readonly Field[], id: number): bigint => lastOf(fields, id)?.int ?? 0n

/** The one message of this number. Readers differ in whether they merge two or keep the last, so two are refused. */
export const onlyOf = (fields: readonly Field[], id: number, what: string): Field | undefined => {
  const found = fields.filter((field) => field.id === id)
  if (found.length > 1) throw failure('bad-model', `${what} stands in the file twice: export it again`)
  return found[0]
}

/** The bytes of fields that are not among those read, for writing them back. */
export const restOf = (fields: readonly Field[], known: readonly number[]): readonly Uint8Array[] =>
  fields.filter(({ id }) => !known.includes(id)).map(({ raw }) => raw)

/** A message of fields that are written one after the other. */
export class MessageWriter {
  readonly #writer = protobuf.Writer.create()
  // Written apart and joined at the end, so that large tensors are copied once.
  readonly #parts: Uint8Array[] = []

  #flush(): void {
    const part = this.#writer.finish()
    if (part.length > 0) this.#parts.push(part)
    this.#writer.reset()
  }
  text(id: number, value: string): this {
    this.#writer.uint32((id << 3) | 2).string(value)
    return this
  }
  int(id: number, value: number | bigint): this {
    this.#writer.uint32(id << 3)
    this.#varint(BigInt.asUintN(64, saturated(value)))
    return this
  }
  #varint(value: bigint): void {
    const low = Number(value & 0xffffffffn) | 0
    const high = Number(value >> 32n) | 0
    this.#writer.uint64(protobuf.util.Long === undefined ? Number(value) : new protobuf.util.Long(low, high, true))
  }
  float(id: number, value: number): this {
    this.#writer.uint32((id << 3) | 5).float(value)
    return this
  }
  bytes(id: number, ...parts: readonly Uint8Array[]): this {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    this.#writer.uint32((id << 3) | 2).uint32(length)
    this.#flush()
    this.#parts.push(...parts)
    return this
  }
  message(id: number, message: MessageWriter): this {
    return this.bytes(id, ...message.parts())
  }
  /** Fields as they stood in a file. */
  raw(parts: readonly Uint8Array[] = []): this {
    this.#flush()
    this.#parts.push(...parts)
    return this
  }
  parts(): readonly Uint8Array[] {
    this.#flush()
    return this.#parts
  }
  finish(): Uint8Array {
    return Buffer.concat(this.parts())
  }
}

const MOST = 2n ** 63n - 1n
/** A whole number as 64 bits hold it: what was read as 2^63, the nearest number to the largest, is the largest again. */
const saturated = (value: number | bigint): bigint => {
  const exact = BigInt(value)
  return exact > MOST ? MOST : exact < -MOST - 1n ? -MOST - 1n : exact
}
