import { writeSync } from 'node:fs'
import { failure } from '../../../core/errors.ts'
import type { Value } from '../../../core/value.ts'
import { decode, encode } from '../../../wire/codec.ts'
import { limits } from '../../../wire/limits.ts'
import { checkHeads, type SegmentHead } from '../../../wire/segments.ts'

/**
 * A message between a host and a compute process. On the pipe: three little-endian uint32 (bytes of the heads, of the body and
 * of the inline segments), the heads of the segments as JSON, the body as the wire's codec writes it, and small segments.
 * Larger segments lie in a file in memory that both processes have open. One message is under way at a time, in one direction,
 * so that the file has one writer at a time.
 */
export interface Frame {
  readonly heads: readonly PlacedHead[]
  readonly body: Uint8Array
  readonly inline: Uint8Array
}
/** A segment's head, and where its bytes lie: within the inline bytes, or within the file. */
export interface PlacedHead extends SegmentHead {
  readonly inFile: boolean
  readonly offset: number
}

const LENGTHS = 12
/** Segments up to this many bytes travel inline, as long as all of them take no more than the second. */
const INLINE_EACH = 16 * 1024
const INLINE_ALL = 64 * 1024
/** In the file: as every dtype and onnxruntime's kernels like it. */
const ALIGNMENT = 64
/** Bytes of heads at the most: some 100 bytes each of the most segments. */
const HEADS = 8 * 1024 * 1024

const aligned = (offset: number) => Math.ceil(offset / ALIGNMENT) * ALIGNMENT

/** A message to be written. */
export interface Outgoing {
  /** What goes over the pipe. */
  readonly packet: Uint8Array
  /** What is to be in the file before that. */
  readonly filed: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
  /** Bytes of the file that the message uses. */
  readonly fileBytes: number
}

/** @throws ActiveStorageError `too-large` for a value that no message holds */
export const pack = (value: Value): Outgoing => {
  const { body, segments } = encode(value)
  const heads: unknown[] = []
  const inline: Uint8Array[] = []
  const filed: { offset: number; bytes: Uint8Array }[] = []
  let [inlineBytes, fileBytes] = [0, 0]
  for (const { dtype, shape, byteLength, bytes } of segments) {
    const inFile = byteLength > INLINE_EACH || inlineBytes + byteLength > INLINE_ALL
    if (inFile) {
      filed.push({ offset: fileBytes, bytes })
      heads.push([dtype, shape, byteLength, 1, fileBytes])
      fileBytes = aligned(fileBytes + byteLength)
    } else {
      inline.push(bytes)
      heads.push([dtype, shape, byteLength, 0, inlineBytes])
      inlineBytes += byteLength
    }
  }
  const head = Buffer.from(JSON.stringify(heads))
  const lengths = Buffer.allocUnsafe(LENGTHS)
  lengths.writeUInt32LE(head.length, 0)
  lengths.writeUInt32LE(body.byteLength, 4)
  lengths.writeUInt32LE(inlineBytes, 8)
  return { packet: Buffer.concat([lengths, head, body, ...inline]), filed, fileBytes }
}

const broken = (what: string) => failure('malformed-message', what)

/** Bytes after the lengths. @throws `malformed-message` for lengths beyond the limits */
const lengthsOf = (bytes: Buffer): readonly [head: number, body: number, inline: number] => {
  const [head, body, inline] = [bytes.readUInt32LE(0), bytes.readUInt32LE(4), bytes.readUInt32LE(8)]
  if (head > HEADS || body > limits.bodyBytes || inline > INLINE_ALL) throw broken(`a frame of ${head}, ${body} and ${inline} bytes`)
  return [head, body, inline]
}

/** One segment's head. Everything is checked: the process that wrote it may have been taken over by a model. */
const headOf = (entry: unknown): PlacedHead => {
  if (!Array.isArray(entry) || entry.length !== 5) throw broken('a segment without its five parts')
  const [dtype, shape, byteLength, inFile, offset]: unknown[] = entry
  if (typeof dtype !== 'string' || !Array.isArray(shape) || typeof byteLength !== 'number' || typeof offset !== 'number')
    throw broken('a segment whose parts are of other types')
  const sides = shape.map((side: unknown) => {
    if (typeof side !== 'number' || !Number.isSafeInteger(side) || side < 0) throw broken('a segment with a side that is no whole number')
    return side
  })
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(offset + byteLength)) throw broken('a segment that lies nowhere')
  return { dtype, shape: sides, byteLength, inFile: inFile === 1, offset }
}

const frameOf = (head: Buffer, body: Buffer, inline: Buffer): Frame => {
  let entries: unknown
  try {
    entries = JSON.parse(head.toString('utf8'))
  } catch (error) {
    throw failure('malformed-message', 'heads that are no JSON', error)
  }
  if (!Array.isArray(entries)) throw broken('heads that are no list')
  const heads = entries.map(headOf)
  checkHeads(heads)
  for (const { inFile, offset, byteLength } of heads)
    if (!inFile && offset + byteLength > inline.length) throw broken('a segment beyond the end of the frame')
  return { heads, body, inline }
}

/** Takes bytes as they come, and gives whole frames. */
export class FrameReader {
  #parts: Buffer[] = []
  #held = 0

  /** @throws `malformed-message` */
  push(bytes: Buffer): Frame | undefined {
    this.#parts.push(bytes)
    this.#held += bytes.length
    if (this.#held < LENGTHS) return undefined
    const [first = bytes] = this.#parts
    // The lengths are looked at before the rest is gathered.
    const [head, body, inline] = lengthsOf(first.length >= LENGTHS ? first : this.#joined())
    const total = LENGTHS + head + body + inline
    if (this.#held < total) return undefined
    const whole = this.#joined()
    // There is one answer to one question.
    if (whole.length > total) throw broken(`${whole.length - total} bytes after a frame`)
    this.#parts = []
    this.#held = 0
    const at = LENGTHS + head
    return frameOf(whole.subarray(LENGTHS, at), whole.subarray(at, at + body), whole.subarray(at + body, total))
  }
  #joined(): Buffer {
    const whole = this.#parts.length === 1 && this.#parts[0] !== undefined ? this.#parts[0] : Buffer.concat(this.#parts)
    this.#parts = [whole]
    return whole
  }
}

/** Reads exactly one frame. @param read fills a buffer; false at the end of the pipe */
export const readFrame = (read: (into: Buffer) => boolean): Frame | undefined => {
  const lengths = Buffer.allocUnsafe(LENGTHS)
  if (!read(lengths)) return undefined
  const [head, body, inline] = lengthsOf(lengths)
  const rest = Buffer.allocUnsafe(head + body + inline)
  if (!read(rest)) return undefined
  return frameOf(rest.subarray(0, head), rest.subarray(head, head + body), rest.subarray(head + body))
}

/**
 * The value of a frame.
 * @param filed the bytes of the file from `offset` on; the frame's heads are checked, the file's length is not
 * @throws `malformed-message`
 */
export const unpack = ({ heads, body, inline }: Frame, filed: (offset: number, byteLength: number) => Uint8Array): Value =>
  decode(
    body,
    heads,
    heads.map(({ inFile, offset, byteLength }) => (inFile ? filed(offset, byteLength) : inline.subarray(offset, offset + byteLength))),
  )

/** Writes all bytes to a descriptor, however few it takes at a time. @param at the place in a file; null for a pipe */
export const writeAll = (fd: number, bytes: Uint8Array, at: number | null): void => {
  for (let written = 0; written < bytes.byteLength;)
    written += writeSync(fd, bytes, written, bytes.byteLength - written, at === null ? null : at + written)
}
