import type { BatchData } from '../../core/batch.ts'
import { ContentRef } from '../../core/content.ts'
import { defineObject } from '../../core/define.ts'
import { failure } from '../../core/errors.ts'
import { integer, list, number, object, record, string, tensor } from '../../core/schema.ts'
import type { CallMemory, ContentPart, MovableSelf } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import { mapLimited } from '../concurrency.ts'
import type { Graph } from '../dataset/graph/format.ts'
import { familyOf } from './families.ts'
import type { Pixels } from './pack.ts'
import { pipelineSpec, randomKey, sampleInputs } from './schemas.ts'
import { checkPipeline, outputFormat, type PipelineSpec, pipelineHash } from './spec.ts'

/** A sample to preprocess: its bytes, or where they lie. */
export interface SampleInput {
  readonly id: string
  readonly content: ContentRef | Uint8Array
  readonly part?: ContentPart
  readonly row?: number
}
/** Keys of the random ops; the sample's id is the third. */
export interface RandomKey {
  readonly seed: number
  readonly epoch: number
}
export interface RunOptions {
  /**
   * Keeps in memory, where the samples are preprocessed, what the ops before the first random one make of each: up to
   * 512 MiB a process. The values stay the same; from the second epoch on nothing is decoded.
   */
  readonly cache?: 'decoded'
}

// Loaded by the host that runs a pipeline, not by clients that know of the type.
const engine = () => import('./engine.ts')

/** Names the stage for the policy's estimators. */
export const preprocessKey = (spec: PipelineSpec): string => `preprocess:${pipelineHash(spec).slice(0, 16)}`

const sizeOf = ({ content, part }: SampleInput) => part?.bytes ?? (content instanceof ContentRef ? content.bytes : content.byteLength)
/** A measure of the work: bytes of samples. Nodes of one graph share its content. */
export const unitsOf = (samples: readonly SampleInput[]): number =>
  samples.reduce((sum, sample) => sum + (sample.row === undefined ? sizeOf(sample) : 1), 0)

/** Content that the ops themselves need. */
export const contentOf = (spec: PipelineSpec): readonly ContentRef[] =>
  spec.ops.flatMap((op) => (op.op === 'tokenize' && op.vocabulary instanceof ContentRef ? [op.vocabulary] : []))

const sliced = (bytes: Uint8Array, { id, part }: SampleInput): Uint8Array => {
  if (part === undefined) return bytes
  if (part.offset + part.bytes > bytes.byteLength)
    throw failure(
      'bad-sample',
      `sample "${id}" is bytes ${part.offset} to ${part.offset + part.bytes} of content that has ${bytes.byteLength}: list the data set again`,
    )
  return bytes.subarray(part.offset, part.offset + part.bytes)
}

/** What was made of some content, by its hash: for graphs and vocabularies, of which a host sees few. */
const latest = <T>(most: number, make: (bytes: Uint8Array) => Promise<T>) => {
  const kept = new Map<string, Promise<T>>()
  return async (self: MovableSelf, ref: ContentRef): Promise<T> => {
    const found = kept.get(ref.hash)
    if (found !== undefined) return found
    // Read by each caller, since a read ends with its caller's time; made once.
    const bytes = await self.content.read(ref, self.signal)
    const made = kept.get(ref.hash) ?? make(bytes)
    kept.set(ref.hash, made)
    for (const hash of kept.keys()) if (kept.size > most) kept.delete(hash)
    return made
  }
}
const vocabularyOf = latest(8, (bytes) => import('./values.ts').then(({ parseVocabulary }) => parseVocabulary(bytes)))
const graphOf = latest(2, (bytes) => import('../dataset/graph/format.ts').then(({ decodeGraph }) => decodeGraph(bytes)))

/** Gives back all that was reserved when the work is over: one call may preprocess batch after batch. */
const withMemory = async <T>({ memory }: MovableSelf, work: (memory: CallMemory) => Promise<T>): Promise<T> => {
  const reserved: (() => void)[] = []
  const reserve = (bytes: number) => {
    const giveBack = memory.reserve(bytes)
    reserved.push(giveBack)
    return giveBack
  }
  try {
    return await work({ most: memory.most, reserve })
  } finally {
    for (const giveBack of reserved) giveBack()
  }
}

/** Reads each piece of content once, for samples may be parts of one, in memory that was reserved for it. */
const readerOf = ({ content, signal }: MovableSelf, memory: CallMemory) => {
  const reading = new Map<string, Promise<Uint8Array>>()
  const begin = async (ref: ContentRef): Promise<Uint8Array> => {
    memory.reserve(ref.bytes)
    const bytes = await content.read(ref, signal)
    // A reference is its caller's word.
    memory.reserve(Math.max(0, bytes.byteLength - ref.bytes))
    return bytes
  }
  return (ref: ContentRef): Promise<Uint8Array> => {
    const begun = reading.get(ref.hash) ?? begin(ref)
    reading.set(ref.hash, begun)
    return begun
  }
}

/** Runs a pipeline over samples on the host that executes the call, as a stage whose unit is the encoded byte. */
export const preprocess = (
  self: MovableSelf,
  spec: PipelineSpec,
  samples: readonly SampleInput[],
  key: RandomKey,
  options: RunOptions = {},
): Promise<BatchData> => withMemory(self, (memory) => preprocessWithin(memory, self, spec, samples, key, options))

const preprocessWithin = async (
  memory: CallMemory,
  self: MovableSelf,
  spec: PipelineSpec,
  samples: readonly SampleInput[],
  key: RandomKey,
  options: RunOptions,
): Promise<BatchData> => {
  const { runSpec, fixedName } = await engine()
  const cache = options.cache === 'decoded' ? (await import('./decoded-cache.ts')).decodedCache : undefined
  const made = cache === undefined ? undefined : fixedName(spec)
  const nameOf = ({ content, part }: SampleInput) =>
    content instanceof ContentRef ? (part === undefined ? content.hash : `${content.hash}+${part.offset}+${part.bytes}`) : undefined
  const known = samples.map((sample): Pixels | undefined => {
    const name = nameOf(sample)
    return made === undefined || name === undefined ? undefined : cache?.get(name, made)
  })
  const refs = samples.flatMap(({ content }, index) => (content instanceof ContentRef && known[index] === undefined ? [content] : []))
  const extras = contentOf(spec)
  await self.content.ensure([...refs, ...extras], self.signal)
  const [extra] = extras
  const vocabulary = extra === undefined ? undefined : await vocabularyOf(self, extra)
  const read = readerOf(self, memory)
  const node = spec.ops[0]?.op === 'neighbours' ? samples[0] : undefined
  const source = node?.row !== undefined && node.content instanceof ContentRef ? node.content : undefined
  const graph: Graph | undefined = source === undefined ? undefined : await graphOf(self, source)
  const none = new Uint8Array()
  const inputs = await mapLimited(samples, 64, async (sample, index) => {
    const { id, content, row } = sample
    const [pixels, name] = [known[index], nameOf(sample)]
    const about = { id, ...(row !== undefined && { row }), ...(name !== undefined && { name }) }
    if (pixels !== undefined) return { ...about, pixels, bytes: none }
    if (source !== undefined) {
      if (!(content instanceof ContentRef) || content.hash !== source.hash)
        throw failure(
          'bad-sample',
          `sample "${id}" is no node of the graph that the first of its batch is one of: load one data set at a time`,
        )
      return { ...about, bytes: none }
    }
    return { ...about, bytes: sliced(content instanceof ContentRef ? await read(content) : content, sample) }
  })
  return self.stage(preprocessKey(spec), unitsOf(samples), async () =>
    runSpec(spec, inputs, key, {
      signal: self.signal,
      memory,
      ...(cache !== undefined && { cache }),
      ...(vocabulary !== undefined && { vocabulary }),
      ...(graph !== undefined && { graph }),
    }),
  )
}

/** The same over raw pixels, uint8 [N, H, W, C], for a spec without `decode`; the stage's unit is their byte. */
export const preprocessRaw = (
  self: MovableSelf,
  spec: PipelineSpec,
  pixels: Tensor,
  ids: readonly string[],
  key: RandomKey,
): Promise<Tensor> =>
  self.stage(preprocessKey(spec), pixels.byteLength, async () =>
    (await engine()).runPipelineOnTensor(spec, pixels, ids, key, { signal: self.signal, memory: self.memory }),
  )

/** Samples preprocessed together while their values are measured. */
const MEASURED_TOGETHER = 64

/** A named preprocessing pipeline. Its spec is plain data, so it may also travel by value, as a loader's does. */
export const pipeline = defineObject({
  name: 'pipeline',
  state: () => ({ spec: { ops: [] } }),
  schema: object({ spec: pipelineSpec }),
  methods: {
    /** Sets the ops. @throws `invalid-argument` naming the op and field. @returns its content hash */
    put(self, spec: PipelineSpec): string {
      checkPipeline(spec)
      self.state.spec = spec
      return pipelineHash(spec)
    },
  },
  readonly: {
    describe: (self) => ({ spec: self.state.spec, hash: pipelineHash(self.state.spec as PipelineSpec) }),
  },
  movable: {
    /** One tensor [N, ...] from N samples. @throws `bad-sample`, `missing-inputs`; `invalid-argument` where the ops give named tensors */
    async run(self, spec: PipelineSpec, samples: readonly SampleInput[], key: RandomKey): Promise<Tensor> {
      const made = await preprocess(self, spec, samples, key)
      if (made instanceof Tensor) return made
      throw failure('invalid-argument', `pipeline ops: they give ${Object.keys(made).join(', ')}, not one tensor: call runNamed`)
    },
    /** Named tensors from N samples, where the ops give them; a single one is called `data`. */
    async runNamed(self, spec: PipelineSpec, samples: readonly SampleInput[], key: RandomKey): Promise<Readonly<Record<string, Tensor>>> {
      const made = await preprocess(self, spec, samples, key)
      return made instanceof Tensor ? { data: made } : made
    },
    /**
     * Mean and standard deviation (of the population) for each channel, or each place of the last axis, of what a spec makes
     * of samples: for `normalize` and `standardize`. Samples are taken in the order given, so the bits are always the same.
     */
    async fit(self, spec: PipelineSpec, samples: readonly SampleInput[]): Promise<{ count: number; mean: number[]; std: number[] }> {
      const moments = (await import('./moments.ts')).createMoments()
      const channels = familyOf(spec) === 'images' && outputFormat(spec).order === 'NCHW' ? 1 : undefined
      // Time series differ in length: each by itself.
      const together = spec.ops.some((op) => op.op === 'tensor' && op.series === true) ? 1 : MEASURED_TOGETHER
      for (let from = 0; from < samples.length; from += together) {
        const made = await preprocess(self, spec, samples.slice(from, from + together), { seed: 0, epoch: 0 })
        const data = made instanceof Tensor ? made : made['data']
        if (data === undefined) throw failure('invalid-argument', 'pipeline: what it makes are no values to be standardized')
        moments.add(data, channels ?? data.shape.length - 1)
      }
      return moments.result()
    },
    /** The same from a batch of raw pixels, uint8 [N, H, W, C], for a spec without `decode`. */
    runRaw: (self, spec: PipelineSpec, pixels: Tensor, ids: readonly string[], key: RandomKey): Promise<Tensor> =>
      preprocessRaw(self, spec, pixels, ids, key),
  },
  arguments: {
    put: [pipelineSpec],
    describe: [],
    run: [pipelineSpec, sampleInputs, randomKey],
    runNamed: [pipelineSpec, sampleInputs, randomKey],
    fit: [pipelineSpec, sampleInputs],
    runRaw: [pipelineSpec, tensor(), list(string()), randomKey],
  },
  results: {
    put: string(),
    describe: object({ spec: pipelineSpec, hash: string() }),
    run: tensor(),
    runNamed: record(tensor()),
    fit: object({ count: integer({ minimum: 0 }), mean: list(number()), std: list(number()) }),
    runRaw: tensor(),
  },
})
