import type { Sharp, SharpOptions } from 'sharp'
import { failure } from '../../core/errors.ts'
import { lookAt } from './image-file.ts'
import type { Op, PipelineSpec } from './ops.ts'
import type { Mirror, Pixels } from './pack.ts'
import { cropPlace, isFlipped, pick } from './pixels.ts'

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
}

const toPixels = async (image: Sharp, channels: number): Promise<Pixels> => {
  const plain = channels === 1 ? image.toColourspace('b-w') : image.toColourspace('srgb')
  const { data, info } = await plain.removeAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height, channels: info.channels }
}

/** @throws `bad-sample` where the bytes are no whole image of a kind that is read */
export const checkLook = (id: string, bytes: Uint8Array): void => {
  const look = lookAt(bytes)
  if (look === 'no image') throw failure('bad-sample', `sample "${id}" is no JPEG, PNG or WebP image: replace or remove it`)
  if (look === 'cut off') throw failure('bad-sample', `sample "${id}" cannot be decoded: its file is cut off; copy it again, or remove it`)
}

/**
 * Decodes images of one size in one go, below each other: for small ones most of the time goes into the call.
 * @param images as `smallJpeg` lets them through
 */
export const decodeTogether = async (
  { sharp, spec, maxPixels }: Work,
  images: readonly Uint8Array[],
  { width, height }: { readonly width: number; readonly height: number },
): Promise<readonly Pixels[] | undefined> => {
  const channels = spec.ops.find((op) => op.op === 'decode')?.channels ?? 3
  const joined = sharp([...images], { join: { across: 1 }, failOn: 'truncated', limitInputPixels: maxPixels, sequentialRead: true })
  const all = await toPixels(joined, channels)
  if (all.width !== width || all.height !== height * images.length || all.channels !== channels) return undefined
  const size = width * height * channels
  return images.map((_, index) => ({ data: all.data.subarray(index * size, (index + 1) * size), width, height, channels }))
}

/**
 * One sample through decode and the geometric ops. Consecutive ops share one sharp chain (and so shrink-on-load) as far
 * as sharp runs them in the order written: one resize, then one crop. Beyond that the pixels go through memory.
 */
export const shape = async (
  { sharp, spec, key, maxPixels }: Work,
  id: string,
  input: Uint8Array | Pixels,
  upTo = spec.ops.length,
): Promise<{ pixels: Pixels; mirror: Mirror }> => {
  if (input instanceof Uint8Array) checkLook(id, input)
  const decode = spec.ops.find((op) => op.op === 'decode')
  const raw = (pixels: Pixels): Sharp =>
    sharp(pixels.data, { raw: { width: pixels.width, height: pixels.height, channels: pixels.channels === 1 ? 1 : 3 } })
  const encoded: SharpOptions = { failOn: 'truncated', limitInputPixels: maxPixels, sequentialRead: true }
  const channels = input instanceof Uint8Array ? (decode?.channels ?? 3) : input.channels
  const decoded = (bytes: Uint8Array) => sharp(bytes, encoded).rotate()

  let image = input instanceof Uint8Array ? decoded(input) : raw(input)
  // Where the size is not known without looking, it is looked up when a crop needs it.
  let size: { width: number; height: number } | undefined = input instanceof Uint8Array ? undefined : input
  let fresh = true
  let resized = false
  let cropped = false
  let nearest = false
  const flush = async (): Promise<Pixels> => {
    const pixels = await toPixels(image, channels)
    image = raw(pixels)
    size = pixels
    fresh = resized = cropped = nearest = false
    return pixels
  }
  const mirror = { horizontal: false, vertical: false }
  const ops = spec.ops.slice(0, upTo)
  const lastShaping = ops.findLastIndex((op) => isGeometric(op) && op.op !== 'flip')

  for (const [index, op] of ops.entries()) {
    if (!isGeometric(op)) continue
    switch (op.op) {
      case 'resize': {
        // The kernel `nearest` picks pixels, so it has to see them all: not what a decoder shrank, and never a part only.
        const picks = op.kernel === 'nearest'
        if (resized || cropped || (picks && fresh && input instanceof Uint8Array)) await flush()
        const [r = 0, g = 0, b = 0] = op.background ?? []
        image = image.resize({
          width: op.width,
          height: op.height,
          fit: op.fit ?? 'fill',
          kernel: op.kernel ?? 'lanczos3',
          background: { r, g, b },
        })
        resized = true
        nearest = picks
        size = op.fit === 'inside' ? undefined : op
        break
      }
      case 'center-crop':
      case 'random-crop': {
        if (cropped || nearest) await flush()
        if (op.op === 'random-crop' && (op.padding ?? 0) > 0) {
          image = raw(pick(await flush(), [[index, op]], key, id).pixels)
          size = op
          cropped = true
          break
        }
        if (size === undefined && fresh && !resized && input instanceof Uint8Array) {
          const { width, height, orientation = 1 } = await sharp(input, encoded).metadata()
          size = orientation >= 5 ? { width: height, height: width } : { width, height }
        }
        const { left, top } = cropPlace(op, index, (size ??= await flush()), key, id)
        image = image.extract({ left, top, width: op.width, height: op.height })
        size = op
        cropped = true
        break
      }
      case 'flip': {
        const { axis = 'horizontal' } = op
        if (!isFlipped(op, index, key, id)) break
        if (index > lastShaping) {
          // The packing pass mirrors for nothing.
          mirror[axis] = !mirror[axis]
          break
        }
        await flush()
        image = axis === 'horizontal' ? image.flop() : image.flip()
        await flush()
        break
      }
    }
  }
  if (!(input instanceof Uint8Array) && fresh && !resized && !cropped) return { pixels: input, mirror }
  return { pixels: await toPixels(image, channels), mirror }
}
