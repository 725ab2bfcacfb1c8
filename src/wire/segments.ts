import { byteLengthOf, isDType } from '../core/dtype.ts'
import { failure, toFailure } from '../core/errors.ts'
import { bytesOf, Tensor, tensorFromBytes } from '../core/tensor.ts'
import { limits } from './limits.ts'

/** What is known of a segment before its bytes arrive. */
export interface SegmentHead {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly byteLength: number
}

/** A segment to send: its head and its bytes, which are not copied. */
export interface SegmentOut extends SegmentHead {
  readonly bytes: Uint8Array
}

export const BYTES = 'bytes'

/** n strings as n + 1 little-endian uint32 offsets into the UTF-8 text that follows. */
const encodeStrings = (strings: readonly string[]): Uint8Array => {
  const texts = strings.map((text) => Buffer.from(text, 'utf8'))
  const total = texts.reduce((sum, text) => sum + text.length, 0)
  const out = Buffer.allocUnsafe((texts.length + 1) * 4 + total)
  if (total > 0xffffffff) throw failure('too-large', 'the text of a string tensor is over 4 GiB')
  let cut = 0
  texts.forEach((text, index) => {
    out.writeUInt32LE(cut, index * 4)
    text.copy(out, (texts.length + 1) * 4 + cut)
    cut += text.length
  })
  out.writeUInt32LE(cut, texts.length * 4)
  return out
}

const decodeStrings = (bytes: Uint8Array, count: number): string[] => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = buffer.subarray((count + 1) * 4)
  const strings: string[] = []
  let from = buffer.readUInt32LE(0)
  if (from !== 0) throw failure('malformed-message', `a string tensor whose first offset is ${from}`)
  for (let i = 1; i <= count; i++) {
    const to = buffer.readUInt32LE(i * 4)
    if (to < from || to > text.length)
      throw failure('malformed-message', `a string tensor whose offset ${i} is ${to}, after ${from} and with ${text.length} bytes of text`)
    strings.push(text.toString('utf8', from, to))
    from = to
  }
  if (from !== text.length) throw failure('malformed-message', `a string tensor with ${text.length - from} bytes after its last string`)
  return strings
}

export const segmentOf = (item: Tensor | Uint8Array): SegmentOut => {
  if (item instanceof Uint8Array) return { dtype: BYTES, shape: [], byteLength: item.byteLength, bytes: item }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the constructor held the dtype and its array together
  const bytes = item.dtype === 'string' ? encodeStrings(item.data as readonly string[]) : bytesOf(item)
  return { dtype: item.dtype, shape: item.shape, byteLength: bytes.byteLength, bytes }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1)

/** Checks that a head's sizes agree with each other, before anything is allocated for it. @throws `malformed-message` */
export const checkHeads = (heads: readonly SegmentHead[]): number => {
  if (heads.length > limits.segments) throw failure('too-large', `a value of ${heads.length} segments; the most is ${limits.segments}`)
  let total = 0
  heads.forEach(({ dtype, shape, byteLength }, index) => {
    const wrong = (why: string) =>
      failure(
        'malformed-message',
        `segment ${index} (${dtype.slice(0, 20)} [${shape.slice(0, 33).join(', ')}], ${byteLength} bytes): ${why}`,
      )
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) throw wrong('not a length')
    if (shape.length > limits.sides || !Number.isSafeInteger(sizeOf(shape))) throw wrong('not a shape')
    if (dtype === BYTES) {
      if (shape.length > 0) throw wrong('bytes have no shape')
    } else if (!isDType(dtype)) throw wrong('not a dtype')
    else if (dtype === 'string') {
      if (byteLength < (sizeOf(shape) + 1) * 4) throw wrong('too short for its offsets')
    } else if (byteLength !== byteLengthOf(dtype, sizeOf(shape)))
      throw wrong(`its dtype and shape need ${byteLengthOf(dtype, sizeOf(shape))} bytes`)
    total += byteLength
  })
  if (total > limits.valueBytes) throw failure('too-large', `a value of ${total} bytes; the most is ${limits.valueBytes}`)
  return total
}

/** The tensor or byte string that a head and its bytes are. */
export const itemOf = ({ dtype, shape }: SegmentHead, bytes: Uint8Array): Tensor | Uint8Array => {
  if (dtype === BYTES || !isDType(dtype)) return bytes
  try {
    return dtype === 'string'
      ? new Tensor<'string'>('string', decodeStrings(bytes, sizeOf(shape)), shape)
      : tensorFromBytes(dtype, bytes, shape)
  } catch (error) {
    throw failure('malformed-message', toFailure(error).text, error)
  }
}
