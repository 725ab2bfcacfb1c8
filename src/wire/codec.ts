// Not the package's own entry: that loads a native string reader, which costs a client 6 MiB and reads bytes from outside in C.
import { addExtension, Packr } from 'msgpackr/pack'
import { ContentRef } from '../core/content.ts'
import { failure, isActiveStorageError } from '../core/errors.ts'
import { ObjectRef } from '../core/object-ref.ts'
import { Tensor } from '../core/tensor.ts'
import type { Value } from '../core/value.ts'
import { limits } from './limits.ts'
import { extensions, scan } from './scan.ts'
import { checkHeads, itemOf, type SegmentHead, type SegmentOut, segmentOf } from './segments.ts'

/**
 * Values as a MessagePack body with tensors and long byte strings beside it as raw segments. The codec adds no copy
 * of a segment; a view is made where the bytes are aligned for it, otherwise one copy.
 */
export interface Encoded {
  readonly body: Uint8Array
  readonly segments: readonly SegmentOut[]
  /** Sum of the segments' bytes. */
  readonly segmentBytes: number
}

class Slot {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}
class NegativeZero {}

/** The segments of one value. What stands in it several times is one segment. */
export class Segments {
  readonly list: SegmentOut[] = []
  #slots: Map<Tensor | Uint8Array, Slot> | undefined
  slotOf(item: Tensor | Uint8Array): Slot {
    const known = (this.#slots ??= new Map()).get(item)
    if (known !== undefined) return known
    const slot = new Slot(this.list.push(segmentOf(item)) - 1)
    this.#slots.set(item, slot)
    return slot
  }
}

// A key named "toJSON" is data: msgpackr would call it.
export const packr = new Packr({ useRecords: false, mapsAsObjects: true, useToJSON: false })
// Extension callbacks take no context, and packing is synchronous: what is being decoded stands here meanwhile.
let items: readonly (Tensor | Uint8Array)[] = []

addExtension({
  Class: Slot,
  type: extensions.segment,
  pack: ({ index }: Slot) => {
    const out = Buffer.allocUnsafe(4)
    out.writeUInt32BE(index)
    return out
  },
  unpack: (bytes: Buffer) => {
    const index = bytes.readUInt32BE(0)
    const item = items[index]
    if (item === undefined) throw failure('malformed-message', `the body names segment ${index}, the value has ${items.length}`)
    return item
  },
})
addExtension({
  Class: ContentRef,
  type: extensions.content,
  pack: (ref: ContentRef) => Buffer.from(JSON.stringify([ref.hash, ref.bytes, ref.home])),
  unpack: (bytes: Buffer) => {
    const parts: unknown = JSON.parse(bytes.toString('utf8'))
    if (!Array.isArray(parts) || typeof parts[0] !== 'string' || typeof parts[1] !== 'number' || typeof parts[2] !== 'string') {
      throw failure('malformed-message', 'a content reference that is not [hash, bytes, home]')
    }
    return new ContentRef(parts[0], parts[1], parts[2])
  },
})
addExtension({
  Class: ObjectRef,
  type: extensions.object,
  pack: (ref: ObjectRef) => Buffer.from(JSON.stringify([ref.type, ref.id, ref.home])),
  unpack: (bytes: Buffer) => {
    const parts: unknown = JSON.parse(bytes.toString('utf8'))
    if (!Array.isArray(parts) || typeof parts[0] !== 'string' || typeof parts[1] !== 'string' || typeof parts[2] !== 'string') {
      throw failure('malformed-message', 'an object reference that is not [type, id, home]')
    }
    return new ObjectRef(parts[0], parts[1], parts[2])
  },
})
addExtension({ Class: NegativeZero, type: extensions.negativeZero, pack: () => Buffer.alloc(1), unpack: () => -0 })

const INT64_MIN = -(2n ** 63n)
const UINT64_MAX = 2n ** 64n - 1n
const SURROGATE = /\p{Surrogate}/u

// An object need not have a constructor.
const className = (value: object): string => {
  const made: unknown = value.constructor
  return typeof made === 'function' ? made.name : 'object with a prototype of its own'
}

/** Replaces what MessagePack has no word for, and refuses what cannot be sent, naming its place. */
export const lower = (value: unknown, segments: Segments, depth: number, path: string): unknown => {
  const refuse = (what: string) => failure('invalid-argument', `${path === '' ? 'the value' : path} ${what}`)
  switch (typeof value) {
    case 'undefined':
    case 'boolean':
      return value
    case 'number':
      return Object.is(value, -0) ? new NegativeZero() : value
    case 'string':
      if (SURROGATE.test(value)) throw refuse('is a string with half a surrogate pair, which UTF-8 cannot hold')
      return value
    case 'bigint':
      if (value < INT64_MIN || value > UINT64_MAX) throw refuse('is a bigint beyond 64 bits')
      return value
    case 'object':
      break
    case 'function':
    case 'symbol':
      throw refuse(`is a ${typeof value}, which cannot be sent`)
  }
  if (value === null || value instanceof ContentRef || value instanceof ObjectRef) return value
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refuse('is an invalid date')
    return value
  }
  if (value instanceof Tensor || (value instanceof Uint8Array && value.byteLength > limits.bytesInBody)) {
    return segments.slotOf(value)
  }
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (depth >= limits.depth) throw refuse(`is nested more than ${limits.depth} deep, or holds itself`)
  if (Array.isArray(value)) return value.map((item, index) => lower(item, segments, depth + 1, `${path}[${index}]`))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw refuse(`is a ${className(value)}, which cannot be sent: use plain objects and lists, Uint8Array, Date or Tensor`)
  }
  const plain: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') throw refuse('has the key "__proto__"')
    if (SURROGATE.test(key)) throw refuse('has a key with half a surrogate pair')
    plain[key] = lower(item, segments, depth + 1, path === '' ? key : `${path}.${key}`)
  }
  return plain
}

export const tooLarge = (bytes: number) =>
  failure('too-large', `plain data of ${bytes} bytes; the most is ${limits.bodyBytes}: send numbers as a Tensor and pages of long lists`)

/** @throws ActiveStorageError `invalid-argument` for what cannot be sent, `too-large` */
export const encode = (value: Value): Encoded => {
  const found = new Segments()
  const body = packr.pack(lower(value, found, 0, ''))
  const segments = found.list
  if (body.byteLength > limits.bodyBytes) throw tooLarge(body.byteLength)
  return { body, segments, segmentBytes: checkHeads(segments) }
}

/** Reads some bytes of a body whose segments are these. */
export const unpacking = <T>(segments: readonly (Tensor | Uint8Array)[], read: () => T): T => {
  items = segments
  try {
    return read()
  } catch (error) {
    if (isActiveStorageError(error)) throw error.code === 'malformed-message' ? error : failure('malformed-message', error.text, error)
    throw failure('malformed-message', `MessagePack body: ${error instanceof Error ? error.message : String(error)}`, error)
  } finally {
    items = []
  }
}

/**
 * @param room told of the memory that the value will take, before it takes it; may refuse
 * @throws ActiveStorageError `malformed-message`
 */
export const decode = (
  body: Uint8Array,
  heads: readonly SegmentHead[],
  bytes: readonly Uint8Array[],
  room: (bytes: number) => void = () => undefined,
): Value => {
  room(scan(body))
  const segments = heads.map((head, index) => itemOf(head, bytes[index] ?? new Uint8Array()))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the scan has let through nothing but what Value names
  return unpacking(segments, () => packr.unpack(body) as Value)
}
