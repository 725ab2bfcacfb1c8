import type { CallMemory } from '../../core/self.ts'
import { abortedBy, failure, isActiveStorageError } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'
import { createGate } from '../concurrency.ts'
import type { Graph } from '../dataset/graph/format.ts'
import { checkLook, decodeTogether, isGeometric, loadSharp, SMALL_FILE, type Work } from './decode.ts'
import type { DecodedCache } from './decoded-cache.ts'
import { imageThreads } from './image-pool.ts'
import { shapeSample, tooManyPixels } from './image-sample.ts'
import { BatchPacker, type Mirror, type Pixels } from './pack.ts'
import { isPicking, pick, type Picking } from './pixels.ts'
import { smallJpeg } from './small-jpeg.ts'
import { type PipelineSpec, pipelineHash } from './spec.ts'

export interface EngineOptions {
  readonly signal: AbortSignal
  /** Pixels of an image at the most, checked in its header before anything is decoded. Default 100 million. */
  readonly maxPixels?: number
  /** Keeps what the ops before the first random one make of a sample whose hash is known. */
  readonly cache?: DecodedCache
  /** Of `tokenize`, where it is content. */
  readonly vocabulary?: readonly string[]
  /** Of `neighbours`. */
  readonly graph?: Graph
  /** Memory of the host that runs it. Default: as much as there is. */
  readonly memory?: CallMemory
}
export interface RandomKey {
  readonly seed: number
  readonly epoch: number
}
/** A sample on its way in: its bytes, or the pixels that a cache had of it. */
export interface EngineSample {
  readonly id: string
  readonly bytes: Uint8Array
  readonly pixels?: Pixels
  /** Names the bytes in the cache. */
  readonly name?: string
  readonly row?: number
}

const MAX_PIXELS = 100_000_000
/** Of an image on its way: its pixels, and what the ops make of them. */
const BYTES_A_PIXEL = 5
const endlessMemory: CallMemory = { most: Infinity, reserve: () => () => undefined }
/** Small images decoded in one go. */
const TOGETHER = 16

// Samples under way in this process, over all batches.
const gate = createGate(imageThreads)

/** The ops up to the first random one, whose result is the same in every epoch; undefined where a resize follows it. */
export const fixedOps = (spec: PipelineSpec): number | undefined => {
  const random = spec.ops.findIndex((op) => op.op === 'random-crop' || op.op === 'flip')
  const end = random < 0 ? spec.ops.length : random
  return spec.ops.slice(end).every((op) => !isGeometric(op) || isPicking(op)) ? end : undefined
}
/** Names what the fixed ops make, in the cache. */
export const fixedName = (spec: PipelineSpec): string | undefined => {
  const end = fixedOps(spec)
  if (end === undefined) return undefined
  return pipelineHash({ ops: spec.ops.slice(0, end).filter((op) => op.op === 'decode' || isGeometric(op)) })
}

const pickingFrom = (spec: PipelineSpec, from: number): readonly (readonly [number, Picking])[] =>
  spec.ops.flatMap((op, index) => (index >= from && isPicking(op) ? [[index, op] as const] : []))

/** Makes one batch of images. */
export const runImages = async (
  spec: PipelineSpec,
  samples: readonly (EngineSample | { readonly id: string; readonly pixels: Pixels; readonly raw: true })[],
  key: RandomKey,
  options: EngineOptions,
): Promise<Tensor> => {
  const { memory = endlessMemory } = options
  const maxPixels = options.maxPixels ?? MAX_PIXELS
  const held = Math.min(maxPixels, Math.floor(memory.most / BYTES_A_PIXEL))
  // What an op makes is bounded like what comes in: a spec may come from outside too.
  spec.ops.forEach((op, index) => {
    if ('width' in op && op.width * op.height > held && op.width * op.height <= maxPixels)
      throw tooManyPixels(`pipeline ops[${index}].width: ${op.width} x ${op.height} is`, held)
    if ('width' in op && op.width * op.height > maxPixels)
      throw failure(
        'invalid-argument',
        `pipeline ops[${index}].width: ${op.width} x ${op.height} is more than ${maxPixels} pixels: make it smaller`,
      )
  })
  const packer = new BatchPacker(spec, samples.length, (bytes) => memory.reserve(bytes))
  const fixed = fixedOps(spec)
  const made = options.cache === undefined ? undefined : fixedName(spec)
  const shapes = spec.ops.slice(0, fixed).some(isGeometric)
  const later = fixed === undefined ? [] : pickingFrom(spec, fixed)
  const onlyPicks = spec.ops.every((op) => !isGeometric(op) || isPicking(op))
  const everyPick = pickingFrom(spec, 0)
  const sharp = samples.every((sample) => 'raw' in sample && onlyPicks) ? undefined : await loadSharp()
  const work = (): Work => {
    if (sharp === undefined) throw failure('internal', 'images without their decoder')
    return { sharp, spec, key, maxPixels, held }
  }

  const shape = (id: string, input: Uint8Array | Pixels, upTo = spec.ops.length) => shapeSample(work(), { id, input, upTo })

  let failed = false
  const add = (index: number, id: string, { pixels, mirror }: { pixels: Pixels; mirror: Mirror }) => packer.add(index, id, pixels, mirror)
  const finish = (index: number, sample: EngineSample, pixels: Pixels) => {
    if (made !== undefined && sample.name !== undefined && sample.pixels === undefined) options.cache?.put(sample.name, made, pixels)
    add(index, sample.id, pick(pixels, later, key, sample.id))
  }
  const one = async (sample: (typeof samples)[number], index: number) => {
    const { id } = sample
    if ('raw' in sample) return add(index, id, onlyPicks ? pick(sample.pixels, everyPick, key, id) : await shape(id, sample.pixels))
    if (sample.pixels !== undefined) return finish(index, sample, sample.pixels)
    // A large image without a fixed size is cropped while it is decoded, and never held whole.
    if (fixed === undefined || !(shapes || sample.bytes.byteLength <= SMALL_FILE)) return add(index, id, await shape(id, sample.bytes))
    return finish(index, sample, (await shape(id, sample.bytes, fixed)).pixels)
  }
  /** Unless another sample of the batch has failed, and the batch with it. */
  const guarded = async (id: string, body: () => Promise<void>) => {
    if (options.signal.aborted) throw abortedBy(options.signal)
    if (failed) return
    try {
      await body()
    } catch (error) {
      failed = true
      if (isActiveStorageError(error)) throw error
      const why = error instanceof Error ? error.message : String(error)
      const remedy = /pixel limit/i.test(why) ? `it has more than the ${maxPixels} pixels allowed` : `${why}; replace or remove the sample`
      throw failure('bad-sample', `sample "${id}" cannot be decoded: ${remedy}`, error)
    }
  }
  const together = async (
    group: readonly { readonly sample: EngineSample; readonly index: number }[],
    size: { width: number; height: number },
  ) => {
    const decoded =
      group.length < 2
        ? undefined
        : await decodeTogether(
            work(),
            group.map(({ sample }) => sample.bytes),
            size,
          ).catch(() => undefined)
    for (const [place, { sample, index }] of group.entries()) {
      const pixels = decoded?.[place]
      // One of them is damaged: by itself it is named.
      await guarded(sample.id, async () => (pixels === undefined ? one(sample, index) : finish(index, sample, pixels)))
    }
  }

  const groups = new Map<string, { size: { width: number; height: number }; members: { sample: EngineSample; index: number }[] }[]>()
  const jobs: (() => Promise<void>)[] = []
  for (const [index, sample] of samples.entries()) {
    const size = fixed === undefined || shapes || 'raw' in sample || sample.pixels !== undefined ? undefined : smallJpeg(sample.bytes)
    if (size === undefined || 'raw' in sample) {
      jobs.push(() => guarded(sample.id, () => one(sample, index)))
      continue
    }
    checkLook(sample.id, sample.bytes)
    const name = `${size.width}x${size.height}`
    const list = groups.get(name) ?? []
    groups.set(name, list)
    const last = list.at(-1)
    if (last !== undefined && last.members.length < TOGETHER) last.members.push({ sample, index })
    else list.push({ size, members: [{ sample, index }] })
  }
  for (const { size, members } of [...groups.values()].flat())
    jobs.push(() => guarded(members[0]?.sample.id ?? '', () => together(members, size)))
  await Promise.all(jobs.map((job) => gate.run(job)))
  return packer.tensor()
}
