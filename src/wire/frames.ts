import { failure, failureWith } from '../core/errors.ts'
import type { Value } from '../core/value.ts'
import { decode, encode, type Encoded } from './codec.ts'
import { decodeInSlices, encodeInSlices } from './codec-sliced.ts'
import type { Value as ValueMessage, ValueIn } from './gen/active_storage/v1/Value.ts'
import { limits } from './limits.ts'
import { checkHeads, type SegmentHead } from './segments.ts'

/** A value as it is sent: the head message and, where it is large, the chunks that follow. */
export interface Outgoing {
  readonly head: ValueIn
  readonly chunks: Iterable<Uint8Array>
  /** Bytes of the body and segments. */
  readonly bytes: number
  /** Those of them that are in the head message. */
  readonly headBytes: number
}

/** Cuts parts into chunks: large parts as views, small ones gathered so that each chunk is worth its frame. */
function* chunksOf(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let gathered: Uint8Array[] = []
  let size = 0
  const flush = () => {
    const chunk = Buffer.concat(gathered, size)
    gathered = []
    size = 0
    return chunk
  }
  for (const part of parts) {
    if (size + part.byteLength <= limits.chunkBytes) {
      gathered.push(part)
      size += part.byteLength
      continue
    }
    if (size > 0) yield flush()
    for (let from = 0; from < part.byteLength; from += limits.chunkBytes) yield part.subarray(from, from + limits.chunkBytes)
  }
  if (size > 0) yield flush()
}

const outgoingOf = ({ body, segments, segmentBytes }: Encoded): Outgoing => {
  const parts = segments.map(({ bytes }) => bytes)
  const inline = segmentBytes <= limits.inlineBytes
  return {
    head: {
      body,
      segments: segments.map(({ dtype, shape, byteLength }) => ({ dtype, shape: [...shape], byteLength })),
      inline: inline && parts.length > 0 ? (parts.length === 1 ? parts[0]! : Buffer.concat(parts, segmentBytes)) : Buffer.alloc(0),
    },
    chunks: inline ? [] : chunksOf(parts),
    bytes: body.byteLength + segmentBytes,
    headBytes: body.byteLength + (inline ? segmentBytes : 0),
  }
}

export const outgoing = (value: Value): Outgoing => outgoingOf(encode(value))

/** The same in slices of the main thread where the value has many parts. */
export const outgoingInSlices = (value: Value): Outgoing | Promise<Outgoing> => {
  const encoded = encodeInSlices(value)
  return encoded instanceof Promise ? encoded.then(outgoingOf) : outgoingOf(encoded)
}

const headsOf = (message: ValueMessage): SegmentHead[] =>
  message.segments.map(({ dtype, shape, byteLength }) => ({ dtype, shape: shape.map(Number), byteLength: Number(byteLength) }))

/** Memory for a segment is taken when a SHAREth of it has come. */
const SHARE = 256

const untouched = (bytes: number): Uint8Array => {
  try {
    return Buffer.allocUnsafeSlow(bytes)
  } catch (error) {
    throw failureWith('overloaded', `there is no room for a segment of ${bytes} bytes now`, { retryAfterMs: 1000 }, error)
  }
}

/** Gathers one value from its head message and chunks. Sizes are checked against each other before memory is taken. */
export class Incoming {
  readonly bytes: number
  readonly #body: Uint8Array
  readonly #heads: readonly SegmentHead[]
  readonly #parts: Uint8Array[] = []
  #part = 0
  #filled = 0
  /** The first chunks of a segment that has no memory of its own yet. */
  #begun: Uint8Array[] = []

  /** @throws ActiveStorageError `malformed-message`, `too-large`, `overloaded` */
  constructor(message: ValueMessage) {
    if (message.body.byteLength > limits.bodyBytes)
      throw failure('too-large', `plain data of ${message.body.byteLength} bytes; the most is ${limits.bodyBytes}`)
    this.#body = message.body
    this.#heads = headsOf(message)
    const total = checkHeads(this.#heads)
    this.bytes = total + message.body.byteLength
    if (message.inline.byteLength > 0 || total <= limits.inlineBytes) {
      if (message.inline.byteLength !== total) {
        throw failure('malformed-message', `the segments announce ${total} bytes, ${message.inline.byteLength} came with them`)
      }
      let from = 0
      for (const { byteLength } of this.#heads) this.#parts.push(message.inline.subarray(from, (from += byteLength)))
      this.#part = this.#heads.length
    } else {
      this.#skipFull()
    }
  }

  get complete(): boolean {
    return this.#part >= this.#heads.length
  }

  get #wanted(): number {
    return this.#heads[this.#part]?.byteLength ?? 0
  }

  #skipFull() {
    while (!this.complete && this.#filled === this.#wanted) {
      if (this.#parts.length === this.#part) this.#parts.push(this.#gathered())
      this.#part++
      this.#filled = 0
    }
  }

  /** The memory of the present segment, with what has come of it. */
  #gathered(): Uint8Array {
    const part = untouched(this.#wanted)
    let at = 0
    for (const chunk of this.#begun) {
      part.set(chunk, at)
      at += chunk.byteLength
    }
    this.#begun = []
    return part
  }

  /** @throws ActiveStorageError `malformed-message` where more comes than was announced. */
  push(chunk: Uint8Array): void {
    let from = 0
    while (from < chunk.byteLength) {
      if (this.complete) throw failure('malformed-message', `${chunk.byteLength - from} bytes more than the segments announce`)
      const count = Math.min(this.#wanted - this.#filled, chunk.byteLength - from)
      const bytes = chunk.subarray(from, from + count)
      const part = this.#parts[this.#part]
      if (part !== undefined) part.set(bytes, this.#filled)
      else {
        this.#begun.push(bytes)
        // An announcement takes no memory: a large segment gets its own when a share of it has come.
        if (this.#filled + count >= Math.min(this.#wanted, Math.max(limits.chunkBytes, this.#wanted / SHARE)))
          this.#parts.push(this.#gathered())
      }
      this.#filled += count
      from += count
      this.#skipFull()
    }
  }

  /**
   * @param room told of the memory that the value will take beside its segments; may refuse
   * @throws ActiveStorageError `malformed-message`
   */
  value(room?: (bytes: number) => void): Value {
    this.#whole()
    return decode(this.#body, this.#heads, this.#parts, room)
  }
  /** The same in slices of the main thread where the body is large. */
  valueInSlices(room?: (bytes: number) => void): Value | Promise<Value> {
    this.#whole()
    return decodeInSlices(this.#body, this.#heads, this.#parts, undefined, room)
  }
  #whole(): void {
    if (!this.complete) throw failure('malformed-message', 'the call ended before all announced bytes came')
  }
}
