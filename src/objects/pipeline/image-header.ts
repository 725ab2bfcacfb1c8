/** What the first bytes of an image say of it; sizes are those of the file, before it is turned upright. */
export interface ImageHeader {
  readonly format: 'jpeg' | 'png' | 'webp'
  readonly width: number
  readonly height: number
  /** Of a JPEG: 1 grey, 3 colour, 4 CMYK. */
  readonly components?: number
}

const jpegHeader = (file: Buffer): ImageHeader | undefined => {
  for (let at = 2; at + 9 < file.length && file[at] === 0xff;) {
    const code = file[at + 1]!
    // Fill bytes, and markers without a length.
    if (code === 0xff) at++
    else if (code === 0x01 || (code >= 0xd0 && code <= 0xd8)) at += 2
    else {
      // The frame: all of 0xc0 to 0xcf but tables of Huffman codes, JPG and conditioning.
      if (code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc)
        return { format: 'jpeg', height: file.readUInt16BE(at + 5), width: file.readUInt16BE(at + 7), components: file[at + 9]! }
      at += 2 + Math.max(2, file.readUInt16BE(at + 2))
    }
  }
  return undefined
}

const webpHeader = (file: Buffer): ImageHeader | undefined => {
  const kind = file.toString('latin1', 12, 16)
  if (kind === 'VP8X') return { format: 'webp', width: file.readUIntLE(24, 3) + 1, height: file.readUIntLE(27, 3) + 1 }
  if (kind === 'VP8L') {
    const bits = file.readUInt32LE(21)
    return { format: 'webp', width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
  }
  return kind === 'VP8 ' ? { format: 'webp', width: file.readUInt16LE(26) & 0x3fff, height: file.readUInt16LE(28) & 0x3fff } : undefined
}

/** Reads the header of a JPEG, PNG or WebP file. Undefined where it cannot be read; a decoder then says why. */
export const imageHeader = (bytes: Uint8Array): ImageHeader | undefined => {
  if (bytes.byteLength < 32) return undefined
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file[0] === 0xff && file[1] === 0xd8) return jpegHeader(file)
  if (file[0] === 0x89) return { format: 'png', width: file.readUInt32BE(16), height: file.readUInt32BE(20) }
  return file.toString('latin1', 0, 4) === 'RIFF' ? webpHeader(file) : undefined
}
