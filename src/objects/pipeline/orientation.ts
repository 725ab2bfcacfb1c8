import { inflateSync } from 'node:zlib'
import type { Pixels } from './pack.ts'

const MOST_ENTRIES = 1000
const MOST_TEXT = 1024 * 1024
const ORIENTATION = 0x112
const EXIF = 'Exif\0\0'
const XMP_OF_JPEG = 'http://ns.adobe.com/xap/1.0/\0'

const valid = (value: number): number | undefined => (value >= 1 && value <= 8 ? value : undefined)

/** The orientation in the first directory of EXIF data, with the prefix that JPEG has or without. */
const exifOrientation = (bytes: Buffer): number | undefined => {
  const tiff = bytes.toString('latin1', 0, EXIF.length) === EXIF ? bytes.subarray(EXIF.length) : bytes
  const order = tiff.toString('latin1', 0, 4)
  const little = order === 'II*\0'
  if (tiff.length < 8 || (!little && order !== 'MM\0*')) return undefined
  const short = (at: number) => (at + 2 > tiff.length ? 0 : little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at))
  const long = (at: number) => (at + 4 > tiff.length ? 0 : little ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at))
  const directory = long(4)
  const count = Math.min(short(directory), MOST_ENTRIES)
  for (let at = directory + 2; at < directory + 2 + count * 12; at += 12)
    if (short(at) === ORIENTATION) return valid(short(at + 2) === 4 ? long(at + 8) : short(at + 8))
  return undefined
}

const xmpOrientation = (bytes: Buffer): number | undefined => {
  const found = /tiff:Orientation(?:="|>)(\d)/.exec(bytes.toString('latin1', 0, MOST_TEXT))
  return found === null ? undefined : valid(Number(found[1]))
}

const jpegOrientation = (file: Buffer): number | undefined => {
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff;) {
    const code = file[at + 1]!
    if (code === 0xff) {
      at++
      continue
    }
    // The image data begins.
    if (code === 0xda || code === 0xd9) return undefined
    const end = at + 2 + Math.max(2, file.readUInt16BE(at + 2))
    const from = at + 4 + XMP_OF_JPEG.length
    if (code === 0xe1 && file.toString('latin1', at + 4, from) === XMP_OF_JPEG) return xmpOrientation(file.subarray(from, end))
    at = end
  }
  return undefined
}

const webpOrientation = (file: Buffer): number | undefined => {
  for (let at = 12; at + 8 <= file.length;) {
    const length = file.readUInt32LE(at + 4)
    if (file.toString('latin1', at, at + 4) === 'XMP ') return xmpOrientation(file.subarray(at + 8, at + 8 + length))
    at += 8 + length + (length % 2)
  }
  return undefined
}

const inflated = (bytes: Buffer): Buffer => {
  try {
    return inflateSync(bytes, { maxOutputLength: MOST_TEXT })
  } catch {
    return Buffer.alloc(0)
  }
}

/** A text of a PNG by its keyword; the text may be compressed. */
const textOf = (kind: string, chunk: Buffer): { readonly key: string; readonly text: Buffer } => {
  const end = chunk.indexOf(0)
  const key = chunk.toString('latin1', 0, Math.max(0, end))
  if (kind === 'tEXt') return { key, text: chunk.subarray(end + 1) }
  if (kind === 'zTXt') return { key, text: inflated(chunk.subarray(end + 2)) }
  // iTXt: whether it is compressed, how, the language, the keyword in that language.
  const text = chunk.subarray(chunk.indexOf(0, chunk.indexOf(0, end + 3) + 1) + 1)
  return { key, text: chunk[end + 1] === 1 ? inflated(text) : text }
}

/** EXIF data as ImageMagick writes it into a text: a name, a length, and hexadecimal digits by lines. */
const rawProfile = (text: Buffer): Buffer => Buffer.from(text.toString('latin1').split('\n').slice(3).join(''), 'hex')

const pngOrientation = (file: Buffer): number | undefined => {
  let [exif, raw, xmp]: (number | undefined)[] = []
  for (let at = 8; at + 12 <= file.length;) {
    const length = file.readUInt32BE(at)
    const kind = file.toString('latin1', at + 4, at + 8)
    const chunk = file.subarray(at + 8, at + 8 + length)
    if (kind === 'eXIf') exif ??= exifOrientation(chunk)
    else if ((kind === 'tEXt' || kind === 'zTXt' || kind === 'iTXt') && length <= MOST_TEXT) {
      const { key, text } = /^(Raw profile type exif|XML:com\.adobe\.xmp)\0/.test(chunk.toString('latin1', 0, 24))
        ? textOf(kind, chunk)
        : { key: '', text: chunk }
      if (key === 'XML:com.adobe.xmp') xmp ??= xmpOrientation(text)
      else if (key !== '') raw ??= exifOrientation(rawProfile(text))
    } else if (kind === 'IEND') break
    at += 12 + length
  }
  return exif ?? raw ?? xmp
}

/**
 * The orientation of a file (1 to 8) where it stands at a place that the decoder does not look at, and Pillow's
 * `exif_transpose` does: in XMP, or in EXIF data that a PNG has behind its image or in a text. It counts where the decoder
 * finds none.
 */
export const otherOrientation = (bytes: Uint8Array): number | undefined => {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file[0] === 0xff) return jpegOrientation(file)
  return file[0] === 0x89 ? pngOrientation(file) : webpOrientation(file)
}

/** An image turned upright from an EXIF orientation. */
export const turned = ({ data, width, height, channels }: Pixels, orientation: number): Pixels => {
  const sideways = orientation >= 5
  const [wide, high] = sideways ? [height, width] : [width, height]
  const mirrored = [2, 3, 7, 8].includes(orientation)
  const upended = [3, 4, 6, 7].includes(orientation)
  const out = new Uint8Array(data.length)
  let to = 0
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) {
      const [column, row] = sideways ? [y, x] : [x, y]
      const from = ((upended ? height - 1 - row : row) * width + (mirrored ? width - 1 - column : column)) * channels
      for (let channel = 0; channel < channels; channel++) out[to++] = data[from + channel]!
    }
  return { data: out, width: wide, height: high, channels }
}
