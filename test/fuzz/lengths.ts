/** A number in some bytes that says how much follows. */
export interface Length {
  readonly at: number
  readonly size: number
  readonly kind: 'varint' | 'big-endian'
}

/** Length prefixes of a protobuf message's fields, and of those inside where the bytes read as a message too. */
export const protobufLengths = (bytes: Buffer, from = 0, to = bytes.length, depth = 0): Length[] => {
  const found: Length[] = []
  let at = from
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= to) return -1
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return -1
  }
  while (at < to && found.length < 2000) {
    const tag = varint()
    if (tag < 8) return found
    const wire = tag & 7
    if (wire === 0 && varint() < 0) return found
    if (wire === 1) at += 8
    if (wire === 5) at += 4
    if (wire === 3 || wire === 4 || wire > 5) return found
    if (wire !== 2) continue
    const start = at
    const length = varint()
    if (length < 0 || at + length > to) return found
    found.push({ at: start, size: at - start, kind: 'varint' })
    if (depth < 4) found.push(...protobufLengths(bytes, at, at + length, depth + 1))
    at += length
  }
  return found
}

/** Bytes of the length that each MessagePack tag is followed by. */
const sizes: Readonly<Record<number, number>> = {
  0xc4: 1,
  0xc5: 2,
  0xc6: 4,
  0xc7: 1,
  0xc8: 2,
  0xc9: 4,
  0xd9: 1,
  0xda: 2,
  0xdb: 4,
  0xdc: 2,
  0xdd: 4,
  0xde: 2,
  0xdf: 4,
}
/** Places that a MessagePack reader could take for a length: of the right tags, wherever they stand. */
export const msgpackLengths = (bytes: Buffer): Length[] => {
  const found: Length[] = []
  for (let at = 0; at < bytes.length && found.length < 500; at++) {
    const size = sizes[bytes[at] ?? 0]
    if (size !== undefined && at + 1 + size <= bytes.length) found.push({ at: at + 1, size, kind: 'big-endian' })
  }
  return found
}

const varintOf = (value: bigint): Buffer => {
  const out: number[] = []
  let rest = value
  do {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(out)
}

export const extremes: readonly bigint[] = [
  0n,
  1n,
  2n,
  127n,
  128n,
  255n,
  65_535n,
  65_536n,
  2n ** 24n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
]

/** The bytes with one length made another. */
export const withLength = (bytes: Buffer, { at, size, kind }: Length, value: bigint): Buffer => {
  const written = Buffer.alloc(8)
  written.writeBigUInt64BE(BigInt.asUintN(64, value))
  const replacement = kind === 'varint' ? varintOf(value) : written.subarray(8 - size)
  return Buffer.concat([bytes.subarray(0, at), replacement, bytes.subarray(at + size)])
}
