import protobuf from 'protobufjs/minimal.js'
import { type ActiveStorageError, failure, isActiveStorageError } from '../core/errors.ts'
import type { CallStart, CallStartIn } from './gen/active_storage/v1/CallStart.ts'
import type { ClientFrame, ClientFrameIn } from './gen/active_storage/v1/ClientFrame.ts'
import type { Segment, SegmentIn } from './gen/active_storage/v1/Segment.ts'
import type { ServerFrame, ServerFrameIn } from './gen/active_storage/v1/ServerFrame.ts'
import type { Value, ValueIn } from './gen/active_storage/v1/Value.ts'
import { limits } from './limits.ts'

/**
 * The two frame messages, read and written field by field. proto-loader builds each message twice, once as its own
 * class and once as a plain object, which was a tenth of what a small call costs. Reflection and the generated types
 * stay with it; a test holds the bytes of both against each other.
 */
type Writer = protobuf.Writer
type Reader = protobuf.Reader

const EMPTY = Buffer.alloc(0)
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const tag = (field: number, wire: number): number => (field << 3) | wire

const text = (writer: Writer, field: number, value: string | undefined): void => {
  if (value !== undefined && value !== '') writer.uint32(tag(field, BYTES)).string(value)
}
const bytes = (writer: Writer, field: number, value: Uint8Array | string | undefined): void => {
  if (value !== undefined && value.length > 0) writer.uint32(tag(field, BYTES)).bytes(value)
}
/** A protobuf integer, which the library gives as an object where it may not fit a number. */
const whole = (value: unknown): number => Number(value)

const writeSegment = (writer: Writer, { dtype, shape, byteLength }: SegmentIn): void => {
  text(writer, 1, dtype)
  if (shape !== undefined && shape.length > 0) {
    writer.uint32(tag(2, BYTES)).fork()
    for (const side of shape) writer.uint64(side)
    writer.ldelim()
  }
  if (byteLength !== undefined && byteLength !== 0) writer.uint32(tag(3, VARINT)).uint64(byteLength)
}

const writeValue = (writer: Writer, { body, segments, inline }: ValueIn): void => {
  bytes(writer, 1, body)
  for (const segment of segments ?? []) {
    writeSegment(writer.uint32(tag(2, BYTES)).fork(), segment)
    writer.ldelim()
  }
  bytes(writer, 3, inline)
}

const writeStart = (writer: Writer, start: CallStartIn): void => {
  text(writer, 1, start.type)
  text(writer, 2, start.object)
  text(writer, 3, start.method)
  if (start.arguments) {
    writeValue(writer.uint32(tag(4, BYTES)).fork(), start.arguments)
    writer.ldelim()
  }
  text(writer, 5, start.callId)
  text(writer, 6, start.idempotencyKey)
  for (const link of start.chain ?? []) writer.uint32(tag(7, BYTES)).string(link)
  if (start.budgetMs !== undefined) writer.uint32(tag(8, FIXED64)).double(Number(start.budgetMs))
  if (start.expectedVersion !== undefined) writer.uint32(tag(9, VARINT)).uint64(start.expectedVersion)
  if (start.fencingToken !== undefined) writer.uint32(tag(10, VARINT)).uint64(start.fencingToken)
  if (start.asyncDurability === true) writer.uint32(tag(11, VARINT)).bool(true)
  text(writer, 12, start.traceParent)
}

const finished = (writer: Writer): Buffer => {
  const out = writer.finish()
  return Buffer.from(out.buffer, out.byteOffset, out.byteLength)
}

const chunkFrame = (chunk: Uint8Array | string): Buffer => finished(protobuf.Writer.create().uint32(tag(2, BYTES)).bytes(chunk))

export const encodeClientFrame = ({ start, chunk }: ClientFrameIn): Buffer => {
  if (!start) return chunk === undefined ? EMPTY : chunkFrame(chunk)
  const writer = protobuf.Writer.create().uint32(tag(1, BYTES)).fork()
  writeStart(writer, start)
  return finished(writer.ldelim())
}

export const encodeServerFrame = ({ value, chunk }: ServerFrameIn): Buffer => {
  if (!value) return chunk === undefined ? EMPTY : chunkFrame(chunk)
  const writer = protobuf.Writer.create().uint32(tag(1, BYTES)).fork()
  writeValue(writer, value)
  return finished(writer.ldelim())
}

/** What a `Buffer` is read by gives views of it; the type of the library says less. */
const view = (reader: Reader): Buffer => {
  const out = reader.bytes()
  return Buffer.isBuffer(out) ? out : Buffer.from(out.buffer, out.byteOffset, out.byteLength)
}

/** Reads the fields of a message that ends at `end`; fields that nobody knows are skipped, as protobuf asks. */
const fields = (reader: Reader, end: number, read: (tag: number) => boolean): void => {
  while (reader.pos < end) {
    const found = reader.uint32()
    if (!read(found)) reader.skipType(found & 7)
  }
  if (reader.pos !== end) throw new RangeError('a field goes beyond its message')
}
/** The end of the message that begins here with its length. */
const endOf = (reader: Reader): number => {
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > reader.len) throw new RangeError('a message goes beyond its frame')
  return end
}

/** Counts are checked as they grow: two bytes of a message can stand for a hundred of memory. */
const addSide = ({ shape }: Segment, reader: Reader): void => {
  if (shape.length >= limits.sides) throw failure('malformed-message', `a segment with more than ${limits.sides} sides: not a shape`)
  shape.push(whole(reader.uint64()))
}
const addSegment = ({ segments }: Value, reader: Reader): void => {
  if (segments.length >= limits.segments) throw failure('too-large', `a value of more segments than the most, which is ${limits.segments}`)
  segments.push(readSegment(reader))
}

const readSegment = (reader: Reader): Segment => {
  const segment: Segment = { dtype: '', shape: [], byteLength: 0 }
  fields(reader, endOf(reader), (found) => {
    if (found === tag(1, BYTES)) segment.dtype = reader.string()
    else if (found === tag(2, BYTES)) {
      const end = endOf(reader)
      while (reader.pos < end) addSide(segment, reader)
    } else if (found === tag(2, VARINT)) addSide(segment, reader)
    else if (found === tag(3, VARINT)) segment.byteLength = whole(reader.uint64())
    else return false
    return true
  })
  return segment
}

const readValue = (reader: Reader, end = endOf(reader)): Value => {
  const value: Value = { body: EMPTY, segments: [], inline: EMPTY }
  fields(reader, end, (found) => {
    if (found === tag(1, BYTES)) value.body = view(reader)
    else if (found === tag(2, BYTES)) addSegment(value, reader)
    else if (found === tag(3, BYTES)) value.inline = view(reader)
    else return false
    return true
  })
  return value
}

const readStart = (reader: Reader): CallStart => {
  const start: CallStart = {
    type: '',
    object: '',
    method: '',
    arguments: null,
    callId: '',
    idempotencyKey: '',
    chain: [],
    asyncDurability: false,
    traceParent: '',
  }
  fields(reader, endOf(reader), (found) => {
    if (found === tag(1, BYTES)) start.type = reader.string()
    else if (found === tag(2, BYTES)) start.object = reader.string()
    else if (found === tag(3, BYTES)) start.method = reader.string()
    else if (found === tag(4, BYTES)) start.arguments = readValue(reader)
    else if (found === tag(5, BYTES)) start.callId = reader.string()
    else if (found === tag(6, BYTES)) start.idempotencyKey = reader.string()
    else if (found === tag(7, BYTES)) start.chain.push(reader.string())
    else if (found === tag(8, FIXED64)) start.budgetMs = reader.double()
    else if (found === tag(9, VARINT)) start.expectedVersion = whole(reader.uint64())
    else if (found === tag(10, VARINT)) start.fencingToken = whole(reader.uint64())
    else if (found === tag(11, VARINT)) start.asyncDurability = reader.bool()
    else if (found === tag(12, BYTES)) start.traceParent = reader.string()
    else return false
    return true
  })
  return start
}

/** A value by itself, as the store keeps it. */
export const encodeValue = (value: ValueIn): Buffer => {
  const writer = protobuf.Writer.create()
  writeValue(writer, value)
  return finished(writer)
}
/** @throws RangeError for what is no value */
export const decodeValue = (message: Buffer): Value => {
  const reader = protobuf.Reader.create(message)
  return readValue(reader, reader.len)
}

/** Of a oneof the last field counts. @throws RangeError for what is no message */
export const decodeClientFrame = (message: Buffer): ClientFrame => {
  const reader = protobuf.Reader.create(message)
  let frame: ClientFrame = {}
  fields(reader, reader.len, (found) => {
    if (found === tag(1, BYTES)) frame = { start: readStart(reader), frame: 'start' }
    else if (found === tag(2, BYTES)) frame = { chunk: view(reader), frame: 'chunk' }
    else return false
    return true
  })
  return frame
}

/** What a node is sent: a frame, or why it is none. */
export interface ReceivedFrame extends ClientFrame {
  readonly unreadable?: ActiveStorageError
}

/** Like `decodeClientFrame`, but never throws: gRPC would end the call without a failure that says why. */
export const receiveClientFrame = (message: Buffer): ReceivedFrame => {
  try {
    return decodeClientFrame(message)
  } catch (error) {
    return {
      unreadable: isActiveStorageError(error) ? error : failure('malformed-message', 'a message that is no ClientFrame', error),
    }
  }
}

/** Of a oneof the last field counts. @throws RangeError for what is no message */
export const decodeServerFrame = (message: Buffer): ServerFrame => {
  const reader = protobuf.Reader.create(message)
  let frame: ServerFrame = {}
  fields(reader, reader.len, (found) => {
    if (found === tag(1, BYTES)) frame = { value: readValue(reader), frame: 'value' }
    else if (found === tag(2, BYTES)) frame = { chunk: view(reader), frame: 'chunk' }
    else return false
    return true
  })
  return frame
}
