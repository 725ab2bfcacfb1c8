import { availableParallelism } from 'node:os'
import type { Sharp, SharpOptions } from 'sharp'
import { abortedBy, failure, isActiveStorageError } from '../../core/errors.ts'
import { opDraws } from '../../core/random.ts'
import type { Tensor } from '../../core/tensor.ts'
import { createGate } from '../concurrency.ts'
import { lookAt } from './image-file.ts'
import { BatchPacker, type Mirror, type Pixels } from './pack.ts'
import { checkPipeline, type Op, type PipelineSpec } from './spec.ts'

export interface EngineOptions {
  readonly signal: AbortSignal
  /** Pixels of an image at the most, checked in its header before anything is decoded. Default 100 million. */
  readonly maxPixels?: number
}
interface RandomKey {
  readonly seed: number
  readonly epoch: number
}

const MAX_PIXELS = 100_000_000

const loadSharp = async () => {
  const { default: sharp } = await import('sharp')
  // One thread a sample, many samples at once: threads within a sample only wait for each other here.
  sharp.concurrency(1)
  sharp.cache(false)
  return sharp
}
let loading: ReturnType<typeof loadSharp> | undefined

// Samples under way in this process, over all batches: the cores, at most libuv's threads, of which each occupies one.
const gate = createGate(Math.min(availableParallelism(), Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) || 4))

type Geometric = Extract<Op, { op: 'resize' | 'center-crop' | 'random-crop' | 'flip' }>
const isGeometric = (op: Op): op is Geometric =>
  op.op === 'resize' || op.op === 'center-crop' || op.op === 'random-crop' || op.op === 'flip'

interface Work {
  readonly sharp: Awaited<ReturnType<typeof loadSharp>>
  readonly spec: PipelineSpec
  readonly key: RandomKey
  readonly maxPixels: number
}

const toPixels = async (image: Sharp, channels: number): Promise<Pixels> => {
  const plain = channels === 1 ? image.toColourspace('b-w') : image.toColourspace('srgb')
  const { data, info } = await plain.removeAlpha().raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
  return { data, width: info.width, height: info.height, channels: info.channels }
}

/**
 * One sample through decode and the geometric ops. Consecutive ops share one sharp chain (and so shrink-on-load) as far
 * as sharp runs them in the order written: one resize, then one crop. Beyond that the pixels go through memory.
 */
const shape = async (
  { sharp, spec, key, maxPixels }: Work,
  id: string,
  input: Uint8Array | Pixels,
): Promise<{ pixels: Pixels; mirror: Mirror }> => {
  const look = input instanceof Uint8Array ? lookAt(input) : 'whole'
  if (look === 'no image') throw failure('bad-sample', `sample "${id}" is no JPEG, PNG or WebP image: replace or remove it`)
  if (look === 'cut off') throw failure('bad-sample', `sample "${id}" cannot be decoded: its file is cut off; copy it again, or remove it`)
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
  const lastShaping = spec.ops.findLastIndex((op) => isGeometric(op) && op.op !== 'flip')

  for (const [index, op] of spec.ops.entries()) {
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
        if (size === undefined && fresh && !resized && input instanceof Uint8Array) {
          const { width, height, orientation = 1 } = await sharp(input, encoded).metadata()
          size = orientation >= 5 ? { width: height, height: width } : { width, height }
        }
        size ??= await flush()
        const spare = { x: size.width - op.width, y: size.height - op.height }
        if (spare.x < 0 || spare.y < 0)
          throw failure(
            'bad-sample',
            `sample "${id}": a crop of ${op.width} x ${op.height} from ${size.width} x ${size.height}: resize it first, or make the crop smaller`,
          )
        const draws = opDraws(key.seed, key.epoch, id, index)
        const left = op.op === 'center-crop' ? Math.floor(spare.x / 2) : draws.below(spare.x + 1)
        const top = op.op === 'center-crop' ? Math.floor(spare.y / 2) : draws.below(spare.y + 1)
        image = image.extract({ left, top, width: op.width, height: op.height })
        size = op
        cropped = true
        break
      }
      case 'flip': {
        const { axis = 'horizontal', probability = 0.5 } = op
        if (opDraws(key.seed, key.epoch, id, index).uniform() >= probability) break
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

const run = async (
  spec: PipelineSpec,
  ids: readonly string[],
  inputOf: (index: number) => Uint8Array | Pixels,
  key: RandomKey,
  options: EngineOptions,
): Promise<Tensor> => {
  const maxPixels = options.maxPixels ?? MAX_PIXELS
  // What an op makes is bounded like what comes in: a spec may come from outside too.
  spec.ops.forEach((op, index) => {
    if ('width' in op && op.width * op.height > maxPixels)
      throw failure(
        'invalid-argument',
        `pipeline ops[${index}].width: ${op.width} x ${op.height} is more than ${maxPixels} pixels: make it smaller`,
      )
  })
  const sharp = await (loading ??= loadSharp())
  const work: Work = { sharp, spec, key, maxPixels }
  const packer = new BatchPacker(spec, ids.length)
  let failed = false
  const one = async (id: string, index: number) => {
    if (options.signal.aborted) throw abortedBy(options.signal)
    // Another sample of the batch has failed, and the batch with it.
    if (failed) return
    try {
      const { pixels, mirror } = await shape(work, id, inputOf(index))
      packer.add(index, id, pixels, mirror)
    } catch (error) {
      failed = true
      if (isActiveStorageError(error)) throw error
      const why = error instanceof Error ? error.message : String(error)
      const remedy = /pixel limit/i.test(why)
        ? `it has more than the ${work.maxPixels} pixels allowed`
        : `${why}; replace or remove the sample`
      throw failure('bad-sample', `sample "${id}" cannot be decoded: ${remedy}`, error)
    }
  }
  await Promise.all(ids.map((id, index) => gate.run(() => one(id, index))))
  return packer.tensor()
}

/**
 * Preprocesses encoded images.
 * @returns one tensor [N, C, H, W], or [N, H, W, C] by the spec's layout; uint8, or the spec's dtype
 * @throws ActiveStorageError `bad-sample` naming the sample; `invalid-argument` for the spec
 */
export const runPipeline = async (
  spec: PipelineSpec,
  samples: readonly { readonly id: string; readonly bytes: Uint8Array }[],
  key: RandomKey,
  options: EngineOptions,
): Promise<Tensor> => {
  checkPipeline(spec)
  if (spec.ops[0]?.op !== 'decode') throw failure('invalid-argument', 'pipeline ops[0]: encoded images need a "decode" op first')
  return run(
    spec,
    samples.map(({ id }) => id),
    (index) => samples[index]!.bytes,
    key,
    options,
  )
}

/** The same from raw pixels, uint8 [N, H, W, C] with C 1 or 3, for a spec without `decode`. */
export const runPipelineOnTensor = async (
  spec: PipelineSpec,
  pixels: Tensor,
  ids: readonly string[],
  key: RandomKey,
  options: EngineOptions,
): Promise<Tensor> => {
  checkPipeline(spec)
  const [count, height, width, channels] = pixels.shape
  const data: unknown = pixels.data
  if (
    !(data instanceof Uint8Array) ||
    pixels.dtype !== 'uint8' ||
    count === undefined ||
    height === undefined ||
    width === undefined ||
    (channels !== 1 && channels !== 3) ||
    pixels.shape.length !== 4
  ) {
    throw failure('tensor-mismatch', `raw pixels are uint8 [N, H, W, C] with C 1 or 3, not ${pixels.dtype} [${pixels.shape.join(', ')}]`)
  }
  if (spec.ops[0]?.op === 'decode') throw failure('invalid-argument', 'pipeline ops[0]: raw pixels need no "decode" op')
  if (ids.length !== count) throw failure('invalid-argument', `${ids.length} ids for ${count} samples`)
  const size = height * width * channels
  return run(spec, ids, (index) => ({ data: data.subarray(index * size, (index + 1) * size), width, height, channels }), key, options)
}
