import type { Value } from '../core/value.ts'
import { encode, type Encoded } from './codec.ts'
import { encodeInSlices } from './codec-sliced.ts'
import { Incoming } from './frames.ts'
import { decodeValue, encodeValue } from './frame-codec.ts'
import { extensions, scan } from './scan.ts'

/** A value as one run of bytes, for the store: the wire's Value message with all segments inline. */
export const toBytes = (value: Value): Buffer => storedOf(encode(value))

const storedOf = ({ body, segments }: Encoded): Buffer =>
  encodeValue({
    body,
    segments: segments.map(({ dtype, shape, byteLength }) => ({ dtype, shape: [...shape], byteLength })),
    inline: Buffer.concat(segments.map(({ bytes }) => bytes)),
  })

/** The same in slices of the main thread where the value has many parts. */
export const toBytesInSlices = async (value: Value): Promise<Buffer> => storedOf(await encodeInSlices(value))

/** @throws ActiveStorageError `malformed-message` where the bytes are not a stored value. */
export const fromBytes = (bytes: Buffer): Value => new Incoming(decodeValue(bytes)).value()

/** The same in slices of the main thread where the value has many parts. */
export const fromBytesInSlices = (bytes: Buffer): Value | Promise<Value> => new Incoming(decodeValue(bytes)).valueInSlices()

/**
 * Whether a stored value holds a reference to content or to an object, without decoding it.
 * @throws ActiveStorageError `malformed-message` where the bytes are not a stored value.
 */
export const holdsReferences = (bytes: Buffer): boolean => {
  let found = false
  scan(decodeValue(bytes).body, (type) => {
    found ||= type === extensions.content || type === extensions.object
  })
  return found
}
