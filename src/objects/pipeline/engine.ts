import type { BatchData } from '../../core/batch.ts'
import { failure } from '../../core/errors.ts'
import { opDraws } from '../../core/random.ts'
import type { Tensor } from '../../core/tensor.ts'
import { sampleNeighbours } from '../dataset/graph/sample-neighbours.ts'
import { familyOf } from './families.ts'
import { type EngineOptions, type EngineSample, type RandomKey, runImages } from './image-batch.ts'
import type { Pixels } from './pack.ts'
import { checkPipeline, type PipelineSpec } from './spec.ts'
import { runText, runValues } from './values.ts'

export { fixedName } from './image-batch.ts'

/** Pixels that lie in a file as they are. */
const pixelsOf = ({ id, bytes }: EngineSample, shape: readonly number[], dtype: string): Pixels => {
  const [height = 0, width = 0, channels = 0] = shape
  if (dtype !== 'uint8' || shape.length !== 3 || (channels !== 1 && channels !== 3))
    throw failure(
      'invalid-argument',
      `pipeline ops[0]: ops for images take uint8 [H, W, C] with C 1 or 3, not ${dtype} [${shape.join(', ')}]`,
    )
  if (bytes.byteLength !== height * width * channels)
    throw failure(
      'bad-sample',
      `sample "${id}" has ${bytes.byteLength} bytes, uint8 [${shape.join(', ')}] are ${height * width * channels}`,
    )
  return { data: bytes, width, height, channels }
}

/** Preprocesses encoded images. @returns one tensor [N, C, H, W], or [N, H, W, C] by the spec's layout; uint8, or the spec's dtype */
export const runPipeline = async (
  spec: PipelineSpec,
  samples: readonly EngineSample[],
  key: RandomKey,
  options: EngineOptions,
): Promise<Tensor> => {
  checkPipeline(spec)
  const [first] = spec.ops
  if (first?.op === 'tensor')
    return runImages(
      spec,
      samples.map((sample) => ({ id: sample.id, pixels: pixelsOf(sample, first.shape, first.dtype), raw: true as const })),
      key,
      options,
    )
  if (first?.op !== 'decode') throw failure('invalid-argument', 'pipeline ops[0]: encoded images need a "decode" op first')
  return runImages(spec, samples, key, options)
}

/**
 * Preprocesses samples of any kind.
 * @returns one tensor, or named ones: what the spec's ops say
 * @throws ActiveStorageError `bad-sample` naming the sample; `invalid-argument` for the spec
 */
export const runSpec = async (
  spec: PipelineSpec,
  samples: readonly EngineSample[],
  key: RandomKey,
  options: EngineOptions,
): Promise<BatchData> => {
  checkPipeline(spec)
  const reserve = options.memory?.reserve
  switch (familyOf(spec)) {
    case 'images':
      return runPipeline(spec, samples, key, options)
    case 'values':
      return runValues(spec, samples, reserve)
    case 'text':
      return runText(spec, samples, options.vocabulary, reserve)
    case 'graph': {
      const index = spec.ops.findIndex(({ op }) => op === 'neighbours')
      const op = spec.ops[index]
      const { graph } = options
      const odd = samples.find(({ row }) => row === undefined)
      if (op?.op !== 'neighbours' || graph === undefined || odd !== undefined)
        throw failure('bad-sample', `sample "${odd?.id ?? ''}" is no node of a graph: adopt the graph with format "graph"`)
      return sampleNeighbours(
        graph,
        samples.map(({ row = 0 }) => row),
        op,
        (node, hop) => opDraws(key.seed, key.epoch, String(node), hop),
        reserve,
      )
    }
  }
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
  if (familyOf(spec) !== 'images' || spec.ops[0]?.op === 'decode' || spec.ops[0]?.op === 'tensor')
    throw failure('invalid-argument', `pipeline ops[0]: raw pixels need no "${spec.ops[0]?.op}" op`)
  if (ids.length !== count) throw failure('invalid-argument', `${ids.length} ids for ${count} samples`)
  const size = height * width * channels
  return runImages(
    spec,
    ids.map((id, index) => ({
      id,
      pixels: { data: data.subarray(index * size, (index + 1) * size), width, height, channels },
      raw: true as const,
    })),
    key,
    options,
  )
}
