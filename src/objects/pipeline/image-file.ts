import { crc32 } from 'node:zlib'

/** What an encoded image looks like from outside, before any decoder sees it. */
export type Look = 'whole' | 'cut off' | 'damaged' | 'no image'

const bytesAt = (file: Buffer, text: string, offset = 0): boolean => file.toString('latin1', offset, offset + text.length) === text

/** Every segment up to EOI. In compressed data a marker is 0xff before anything but 0 (a literal 0xff) and restarts. */
const jpegEnds = (file: Buffer): boolean => {
  let at = 2
  for (;;) {
    at = file.indexOf(0xff, at)
    const code = at < 0 ? undefined : file[at + 1]
    if (code === undefined) return false
    if (code === 0xd9) return true
    if (code === 0xff) at++
    // No length follows a stuffed byte, TEM or a restart.
    else if (code <= 0x01 || (code >= 0xd0 && code <= 0xd8)) at += 2
    else if (at + 4 > file.length) return false
    else at += 2 + file.readUInt16BE(at + 2)
  }
}

/** Every chunk up to IEND. Checksums of image data too: decoders pass over them. */
const pngLook = (file: Buffer): Look => {
  let at = 8
  while (at + 12 <= file.length) {
    const next = at + 12 + file.readUInt32BE(at)
    if (next > file.length) return 'cut off'
    if (crc32(file.subarray(at + 4, next - 4)) !== file.readUInt32BE(next - 4)) return 'damaged'
    if (bytesAt(file, 'IEND', at + 4)) return 'whole'
    at = next
  }
  return 'cut off'
}

/**
 * Tells a whole JPEG, PNG or WebP file from a part of one, and from all else: sharp by itself would also take SVG, GIF, TIFF
 * and more, each with a decoder to attack. And sharp notices a missing end only where it reads that far: not for a crop
 * near the top, and not for every photograph that is shrunk while it is decoded.
 */
export const lookAt = (bytes: Uint8Array): Look => {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytesAt(file, '\xff\xd8\xff')) return jpegEnds(file) ? 'whole' : 'cut off'
  if (bytesAt(file, '\x89PNG\r\n\x1a\n')) return pngLook(file)
  if (bytesAt(file, 'RIFF') && bytesAt(file, 'WEBP', 8)) return file.readUInt32LE(4) + 8 <= file.length ? 'whole' : 'cut off'
  return 'no image'
}
