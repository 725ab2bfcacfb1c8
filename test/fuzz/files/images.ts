import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { runPipeline } from '../../../src/objects/pipeline/engine.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'
import type { Tensor } from '../../../src/core/tensor.ts'
import { pngChunk } from '../../objects/pipeline/images.ts'
import { diceFor, type Dice } from '../dice.ts'
import { blindly, mutated, type Mutation, numbers, patched, replaced } from './bytes.ts'
import type { Input, Session } from './format.ts'

/** Made here, so that the same seed gives the same files. */
const pixels = (width: number, height: number, channels: 1 | 3 | 4) =>
  sharp(
    Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 7919 + (i >> 5) * 31) % 251),
    { raw: { width, height, channels } },
  )

const makeSeeds = async (): Promise<readonly Buffer[]> => [
  await pixels(24, 17, 3).jpeg({ quality: 80 }).toBuffer(),
  await pixels(33, 20, 3).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer(),
  await pixels(16, 16, 1).toColourspace('b-w').jpeg().toBuffer(),
  await pixels(20, 12, 4).toColourspace('cmyk').jpeg().toBuffer(),
  await pixels(18, 11, 3).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
  await pixels(15, 9, 3).png().toBuffer(),
  await pixels(15, 9, 4).png({ progressive: true }).toBuffer(),
  await pixels(20, 20, 3).png({ palette: true, colours: 16 }).toBuffer(),
  await pixels(10, 30, 1).toColourspace('b-w').png({ compressionLevel: 0 }).toBuffer(),
  await pixels(8, 8, 3).withMetadata({ orientation: 3 }).png().toBuffer(),
  await pixels(22, 14, 3).webp({ quality: 70 }).toBuffer(),
  await pixels(22, 14, 4).webp({ lossless: true }).toBuffer(),
  await pixels(13, 13, 4).withMetadata({ orientation: 8 }).webp().toBuffer(),
  await pixels(12, 12, 3).gif().toBuffer(),
  await pixels(12, 12, 3).tiff().toBuffer(),
  Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'),
]

const isPng = (bytes: Buffer) => bytes.toString('latin1', 1, 4) === 'PNG'
interface Chunk {
  readonly type: string
  readonly data: Buffer
}
const chunksOf = (bytes: Buffer): Chunk[] => {
  const found: Chunk[] = []
  for (let at = 8; at + 12 <= bytes.length && found.length < 200;) {
    const length = bytes.readUInt32BE(at)
    if (at + 12 + length > bytes.length) break
    found.push({ type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, at + 8 + length) })
    at += 12 + length
  }
  return found
}
const pngOf = (chunks: readonly Chunk[]): Buffer =>
  Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    ...chunks.map(({ type, data }) => pngChunk(type.replaceAll(/[^\x20-\x7e]/g, 'x'), data)),
  ])

const onChunks = (name: string, change: (chunks: Chunk[], dice: Dice) => void): Mutation => [
  name,
  (bytes, dice) => {
    if (!isPng(bytes)) return bytes
    const chunks = chunksOf(bytes)
    if (chunks.length === 0) return bytes
    change(chunks, dice)
    return pngOf(chunks)
  },
]
const uint32 = (value: number) => {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value >>> 0)
  return out
}
const sides = [0, 1, 2, 7, 15, 100, 1000, 30_000, 65_535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1] as const

/** Segments of a JPEG up to its image data: places of their markers. */
const segmentsOf = (bytes: Buffer): readonly number[] => {
  const found: number[] = []
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && found.length < 100; at += 2 + bytes.readUInt16BE(at + 2)) {
    found.push(at)
    if (bytes[at + 1] === 0xda) break
  }
  return found
}
const onSegment = (name: string, change: (bytes: Buffer, at: number, dice: Dice) => Buffer): Mutation => [
  name,
  (bytes, dice) => {
    const all = bytes[0] === 0xff ? segmentsOf(bytes) : []
    return all.length === 0 ? bytes : change(bytes, dice.pick(all), dice)
  },
]
const frameOf = (bytes: Buffer) => segmentsOf(bytes).find((at) => [0xc0, 0xc1, 0xc2].includes(bytes[at + 1]!))

const exif = (orientation: number, count = 1, type = 3): Buffer => Buffer.from([0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, count, 1, 0x12, 0, type, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]) // prettier-ignore
const isWebp = (bytes: Buffer) => bytes.toString('latin1', 8, 12) === 'WEBP'

const own: readonly Mutation[] = [
  onChunks('PNG: another size', (chunks, dice) => { const head = Buffer.from(chunks[0]!.data); if (head.length >= 8) head.set(uint32(dice.pick(sides)), dice.pick([0, 4])); chunks[0] = { type: 'IHDR', data: head } }),
  onChunks('PNG: another kind', (chunks, dice) => { const head = Buffer.from(chunks[0]!.data); if (head.length >= 13) head[8 + dice.below(5)] = dice.pick([0, 1, 2, 3, 4, 6, 8, 16, 255]); chunks[0] = { type: 'IHDR', data: head } }),
  onChunks('PNG: bytes of a chunk', (chunks, dice) => { const at = dice.below(chunks.length); const { type, data } = chunks[at]!; chunks[at] = { type, data: data.length === 0 ? dice.bytes(4) : patched(data, dice.below(data.length), dice.bytes(1 + dice.below(4))) } }),
  onChunks('PNG: a chunk cut', (chunks, dice) => { const at = dice.below(chunks.length); const { type, data } = chunks[at]!; chunks[at] = { type, data: data.subarray(0, dice.below(data.length + 1)) } }),
  onChunks('PNG: a chunk moved, doubled or left out', (chunks, dice) => { const at = dice.below(chunks.length); const [chunk] = dice.oneIn(3) ? [chunks[at]!] : chunks.splice(at, 1); if (!dice.oneIn(3)) chunks.splice(dice.below(chunks.length + 1), 0, chunk!) }),
  onChunks('PNG: a chunk added', (chunks, dice) => void chunks.splice(1 + dice.below(chunks.length), 0, dice.pick([{ type: 'tRNS', data: dice.bytes(6) }, { type: 'PLTE', data: dice.bytes(9) }, { type: 'gAMA', data: uint32(0) }, { type: 'eXIf', data: exif(6).subarray(6) }, { type: 'iCCP', data: Buffer.from('x\0\0abc') }, { type: 'zTXt', data: Buffer.from('Raw profile type exif\0\0abc') }, { type: 'iTXt', data: Buffer.from('XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>') }, { type: 'acTL', data: Buffer.alloc(8, 1) }, { type: 'ABCD', data: dice.bytes(3) }, { type: 'IEND', data: Buffer.alloc(0) }]))),
  ['PNG: a length', (bytes, dice) => { if (!isPng(bytes)) return bytes; let at = 8; for (let left = dice.below(3); left > 0 && at + 12 <= bytes.length; left--) at += 12 + bytes.readUInt32BE(at); return at + 4 <= bytes.length ? patched(bytes, at, uint32(dice.pick(numbers))) : bytes }],
  ['JPEG: another size', (bytes, dice) => { const at = bytes[0] === 0xff ? frameOf(bytes) : undefined; return at === undefined ? bytes : patched(bytes, at + dice.pick([5, 7]), uint32(dice.pick(sides) & 0xffff).subarray(2)) }],
  ['JPEG: a byte of the frame', (bytes, dice) => { const at = bytes[0] === 0xff ? frameOf(bytes) : undefined; return at === undefined ? bytes : patched(bytes, at + 1 + dice.below(16), Buffer.from([dice.pick([0, 1, 2, 4, 8, 12, 17, 33, 34, 65, 68, 255])])) }],
  onSegment('JPEG: another length', (bytes, at, dice) => patched(bytes, at + 2, uint32(dice.pick([0, 1, 2, 3, 17, 255, 4096, 65_535])).subarray(2))),
  onSegment('JPEG: another marker', (bytes, at, dice) => patched(bytes, at + 1, Buffer.from([0xc0 + dice.below(64)]))),
  onSegment('JPEG: a byte of a segment', (bytes, at, dice) => patched(bytes, at + 4 + dice.below(40), dice.bytes(1))),
  onSegment('JPEG: a segment left out', (bytes, at) => replaced(bytes, at, at + 2 + bytes.readUInt16BE(at + 2), Buffer.alloc(0))),
  onSegment('JPEG: EXIF added', (bytes, at, dice) => { const data = exif(dice.below(12), dice.pick([1, 1, 0, 255]), dice.pick([3, 4, 1, 0])); return replaced(bytes, at, at, Buffer.concat([Buffer.from([0xff, 0xe1]), uint32(data.length + 2).subarray(2), data])) }),
  ['JPEG: a marker in the data', (bytes, dice) => (bytes[0] === 0xff ? replaced(bytes, Math.max(0, bytes.length - 40 - dice.below(200)), Math.max(0, bytes.length - 38), Buffer.from([0xff, dice.pick([0xd0, 0xd7, 0xd9, 0xda, 0x00, 0xff, 0xc4])])) : bytes)],
  ['WebP: a length', (bytes, dice) => { if (!isWebp(bytes)) return bytes; const out = Buffer.from(bytes); out.writeUInt32LE(dice.pick(numbers) >>> 0, dice.pick([4, 16])); return out }],
  ['WebP: a byte of the header', (bytes, dice) => (isWebp(bytes) ? patched(bytes, 12 + dice.below(24), dice.bytes(1 + dice.below(2))) : bytes)],
  ['a beginning of another format', (bytes, dice, others) => Buffer.concat([dice.pick(others).subarray(0, dice.pick([2, 4, 8, 12, 16])), bytes.subarray(dice.pick([2, 4, 8, 12, 16]))])],
  ...blindly,
] // prettier-ignore

const MAX_PIXELS = 4_000_000
const opsFor = (dice: Dice): readonly Op[] => [
  { op: 'decode', ...(dice.oneIn(4) && { channels: 1 }), ...(dice.oneIn(4) && { fast: true }) },
  ...dice.pick<readonly Op[]>([
    [{ op: 'resize', width: 8, height: 8 }],
    [{ op: 'resize', width: 8, height: 8, kernel: 'nearest' }],
    [
      { op: 'resize', width: 3, height: 20 },
      { op: 'flip', probability: 1 },
    ],
    [{ op: 'center-crop', width: 4, height: 4 }],
    [{ op: 'random-crop', width: 5, height: 5, padding: 2 }],
  ]),
]

/** What follows from the bytes of a PNG by themselves: data whose checksum is wrong must not become a picture. */
const damagedPng = (bytes: Buffer): boolean => {
  if (!isPng(bytes)) return false
  for (let at = 8; at + 12 <= bytes.length;) {
    const next = at + 12 + bytes.readUInt32BE(at)
    if (next > bytes.length) return true
    if (bytes.toString('latin1', at + 4, at + 8) === 'IEND') return false
    if (crc32(bytes.subarray(at + 4, next - 4)) !== bytes.readUInt32BE(next - 4)) return true
    at = next
  }
  return true
}

const check = (tensor: Tensor, ops: readonly Op[], bytes: Buffer): string | undefined => {
  const [decode, geometry] = ops
  if (geometry === undefined || !('width' in geometry) || decode?.op !== 'decode') return 'no geometry'
  const wanted = [1, decode.channels ?? 3, geometry.height, geometry.width]
  if (tensor.shape.join() !== wanted.join() || tensor.dtype !== 'uint8')
    return `${tensor.dtype} [${tensor.shape.join()}], not [${wanted.join()}]`
  const head = bytes.toString('latin1', 0, 4)
  if (!head.startsWith('\xff\xd8') && head !== '\x89PNG' && head !== 'RIFF')
    return `a file that begins with ${JSON.stringify(head)} was read`
  return damagedPng(bytes) ? 'a PNG with a wrong checksum, or without an end, was read' : undefined
}

export const openImages = async (): Promise<Session> => {
  const seeds = await makeSeeds()
  const live = new AbortController().signal
  return {
    names: 'sample "pictures/one"',
    make: (seed, index): Input => {
      const dice = diceFor(seed, index, 'images')
      const { value, names } = mutated(dice.pick(seeds), { dice, own, others: seeds })
      return { about: names.join(', '), bytes: value, options: { ops: opsFor(dice) as never } }
    },
    async run({ bytes, options }) {
      const { ops } = options as unknown as { ops: readonly Op[] }
      const tensor = await runPipeline(
        { ops },
        [{ id: 'pictures/one', bytes }],
        { seed: 7, epoch: 3 },
        { signal: live, maxPixels: MAX_PIXELS },
      )
      return check(tensor, ops, bytes)
    },
    close: () => Promise.resolve(),
  }
}
