import type { Sharp, SharpOptions } from 'sharp'
import { failure } from '../../core/errors.ts'
import { type ImageHeader, imageHeader } from './image-header.ts'
import { lookAt } from './image-file.ts'
import type { Op, PipelineSpec } from './ops.ts'
import { otherOrientation, turned } from './orientation.ts'
import type { Pixels } from './pack.ts'
import { cropPlace } from './pixels.ts'
import { fitted } from './resample/fit.ts'
import { type Size, toGrey } from './resample/resample.ts'

const load = async () => {
  const { default: sharp } = await import('sharp')
  // One thread a sample, many samples at once: threads within a sample only wait for each other here.
  sharp.concurrency(1)
  sharp.cache(false)
  return sharp
}
let loading: ReturnType<typeof load> | undefined
/** Loaded at the first image. */
export const loadSharp = (): ReturnType<typeof load> => (loading ??= load())

export type Geometric = Extract<Op, { op: 'resize' | 'center-crop' | 'random-crop' | 'flip' }>
export const isGeometric = (op: Op): op is Geometric =>
  op.op === 'resize' || op.op === 'center-crop' || op.op === 'random-crop' || op.op === 'flip'

export interface Work {
  readonly sharp: Awaited<ReturnType<typeof load>>
  readonly spec: PipelineSpec
  readonly key: { readonly seed: number; readonly epoch: number }
  readonly maxPixels: number
  /** Pixels of one image that the host has memory for. */
  readonly held: number
}

/** Files up to this size are decoded whole before a crop; of larger ones only what the crop leaves. */
export const SMALL_FILE = 256 * 1024

// Values as they lie in the file: a colour profile in it is not applied.
const reading = (maxPixels: number): SharpOptions => ({
  failOn: 'truncated',
  limitInputPixels: maxPixels,
  sequentialRead: true,
  ignoreIcc: true,
})

const rawOf = async (image: Sharp): Promise<Pixels> => {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height, channels: info.channels }
}

/** CMYK to RGB without a profile: 255 - black, less that much of each ink. */
const fromCmyk = ({ data, width, height }: Pixels): Pixels => {
  const out = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; to < out.length; from += 4) {
    const light = 255 - data[from + 3]!
    for (let ink = 0; ink < 3; ink++, to++) {
      const product = data[from + ink]! * light + 128
      out[to] = Math.max(0, light - (((product >> 8) + product) >> 8))
    }
  }
  return { data: out, width, height, channels: 3 }
}

const rgbOf = async (image: Sharp, header: ImageHeader | undefined): Promise<Pixels> =>
  header?.components === 4
    ? fromCmyk(await rawOf(image.pipelineColourspace('cmyk').toColourspace('cmyk')))
    : rawOf(image.toColourspace('srgb').removeAlpha())

/** @throws `bad-sample` where the bytes are no whole image of a kind that is read */
export const checkLook = (id: string, bytes: Uint8Array): void => {
  const look = lookAt(bytes)
  if (look === 'no image') throw failure('bad-sample', `sample "${id}" is no JPEG, PNG or WebP image: replace or remove it`)
  if (look === 'damaged')
    throw failure('bad-sample', `sample "${id}" cannot be decoded: a checksum of its PNG chunks does not fit; copy it again, or remove it`)
  if (look === 'cut off') throw failure('bad-sample', `sample "${id}" cannot be decoded: its file is cut off; copy it again, or remove it`)
}

/**
 * Decodes images of one size in one go, below each other: for small ones most of the time goes into the call.
 * @param images as `smallJpeg` lets them through
 */
export const decodeTogether = async (
  { sharp, spec, maxPixels }: Work,
  images: readonly Uint8Array[],
  { width, height }: Size,
): Promise<readonly Pixels[] | undefined> => {
  const channels = channelsOf(spec)
  const joined = sharp([...images], { ...reading(maxPixels), join: { across: 1 } })
  const rgb = await rgbOf(joined, undefined)
  if (rgb.width !== width || rgb.height !== height * images.length || rgb.channels !== 3) return undefined
  const { data } = channels === 1 ? toGrey(rgb) : rgb
  const size = width * height * channels
  return images.map((_, index) => ({ data: data.subarray(index * size, (index + 1) * size), width, height, channels }))
}

const decodeOf = (spec: PipelineSpec) => spec.ops.find((op) => op.op === 'decode')
const channelsOf = (spec: PipelineSpec): 1 | 3 => decodeOf(spec)?.channels ?? 3

/** Pixels of a file, turned upright. */
export interface Decoded {
  readonly pixels: Pixels
  /** Of the whole image, where `pixels` are a smaller copy of it. */
  readonly size?: Size
  /** Index of the op that is done already: a crop at the front. */
  readonly done?: number
}

const uprightSize = async (image: Sharp): Promise<Size> => {
  const { width, height, orientation = 1 } = await image.metadata()
  return orientation >= 5 ? { width: height, height: width } : { width, height }
}

/** Of `decode: { fast: true }`: sides of the smaller copy, in multiples of the size that the resize makes. */
const FAST_SIDES = 1.5

/**
 * Decodes one image. With `fast`, a JPEG whose first op is a resize is decoded to a smaller copy. Of a large file whose
 * first op is a crop, only what that leaves is kept.
 */
export const decode = async (
  { sharp, spec, key, maxPixels }: Work,
  id: string,
  bytes: Uint8Array,
  ops: readonly (readonly [index: number, op: Geometric])[],
): Promise<Decoded> => {
  const header = imageHeader(bytes)
  const open = () => sharp(bytes, reading(maxPixels))
  const finished = async (image: Sharp): Promise<Pixels> => {
    const rgb = await rgbOf(image, header)
    return channelsOf(spec) === 1 ? toGrey(rgb) : rgb
  }
  const other = otherOrientation(bytes)
  if (other !== undefined && (await open().metadata()).orientation === undefined) return { pixels: turned(await finished(open()), other) }

  const [index, first] = ops[0] ?? []
  if (index === undefined || first === undefined) return { pixels: await finished(open().rotate()) }

  if (first.op === 'resize' && first.kernel !== 'nearest' && decodeOf(spec)?.fast === true && header?.format === 'jpeg') {
    const size = await uprightSize(open())
    const { size: wanted } = fitted(size, first)
    const copy = { width: Math.ceil(FAST_SIDES * wanted.width), height: Math.ceil(FAST_SIDES * wanted.height) }
    if (header.components !== 4 && copy.width <= size.width && copy.height <= size.height)
      return {
        pixels: await finished(
          open()
            .rotate()
            .resize({ ...copy, fit: 'fill', kernel: 'cubic' }),
        ),
        size,
      }
  }
  const crops = first.op === 'center-crop' || (first.op === 'random-crop' && (first.padding ?? 0) === 0)
  if (crops && bytes.byteLength > SMALL_FILE) {
    const { left, top } = cropPlace(first, index, await uprightSize(open()), key, id)
    const { width, height } = first
    return { pixels: await finished(open().rotate().extract({ left, top, width, height })), done: index }
  }
  return { pixels: await finished(open().rotate()) }
}
