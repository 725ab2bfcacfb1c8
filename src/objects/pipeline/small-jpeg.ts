/** Sides up to which images are decoded in groups: for larger ones a call by itself costs little beside the decoding. */
const SMALL_SIDE = 128
const SMALL_BYTES = 32 * 1024

/**
 * The size of a small JPEG whose pixels need nothing but decoding: 8 bits, three components, and no segment that says
 * how to turn it or what its colours are. Undefined for all else, which is decoded by itself.
 */
export const smallJpeg = (bytes: Uint8Array): { readonly width: number; readonly height: number } | undefined => {
  if (bytes.byteLength > SMALL_BYTES || bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined
  let size: { readonly width: number; readonly height: number } | undefined
  for (let at = 2; at + 9 < bytes.byteLength && bytes[at] === 0xff;) {
    const code = bytes[at + 1]!
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!
    // APP1 holds an orientation, APP2 a profile, APP14 a transform of the colours.
    if (code === 0xe1 || code === 0xe2 || code === 0xee) return undefined
    if (code === 0xc0 || code === 0xc2) {
      const height = (bytes[at + 5]! << 8) | bytes[at + 6]!
      const width = (bytes[at + 7]! << 8) | bytes[at + 8]!
      const plain = bytes[at + 4] === 8 && bytes[at + 9] === 3 && width >= 1 && height >= 1 && width <= SMALL_SIDE && height <= SMALL_SIDE
      if (!plain) return undefined
      size = { width, height }
    }
    // The image itself begins: what follows says nothing of its colours.
    if (code === 0xda) return size
    if (code < 0xc0 || length < 2) return undefined
    at += 2 + length
  }
  return undefined
}
