import { defineObject } from '../../core/define.ts'
import { list, object, string, tensor } from '../../core/schema.ts'
import type { MovableSelf } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import { ContentRef } from '../../core/content.ts'
import { mapLimited } from '../concurrency.ts'
import { pipelineSpec, randomKey, sampleInputs } from './schemas.ts'
import { checkPipeline, type PipelineSpec, pipelineHash } from './spec.ts'

/** A sample to preprocess: its bytes, or where they lie. */
export interface SampleInput {
  readonly id: string
  readonly content: ContentRef | Uint8Array
}
/** Keys of the random ops; the sample's id is the third. */
export interface RandomKey {
  readonly seed: number
  readonly epoch: number
}

// Loaded by the host that runs a pipeline, not by clients that know of the type.
const engine = () => import('./engine.ts')

/** Names the stage for the policy's estimators. */
export const preprocessKey = (spec: PipelineSpec): string => `preprocess:${pipelineHash(spec).slice(0, 16)}`

const bytesOf = ({ content }: SampleInput) => (content instanceof ContentRef ? content.bytes : content.byteLength)

/** Runs a pipeline over samples on the host that executes the call, as a stage whose unit is the encoded byte. */
export const preprocess = async (
  self: MovableSelf,
  spec: PipelineSpec,
  samples: readonly SampleInput[],
  key: RandomKey,
): Promise<Tensor> => {
  const refs = samples.flatMap(({ content }) => (content instanceof ContentRef ? [content] : []))
  await self.content.ensure(refs, self.signal)
  const inputs = await mapLimited(samples, 64, async ({ id, content }) => ({
    id,
    bytes: content instanceof ContentRef ? await self.content.read(content, self.signal) : content,
  }))
  const units = samples.reduce((sum, sample) => sum + bytesOf(sample), 0)
  return self.stage(preprocessKey(spec), units, async () => (await engine()).runPipeline(spec, inputs, key, { signal: self.signal }))
}

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
    /** One tensor [N, ...] from N samples. @throws `bad-sample`, `missing-inputs` */
    run: (self, spec: PipelineSpec, samples: readonly SampleInput[], key: RandomKey): Promise<Tensor> =>
      preprocess(self, spec, samples, key),
    /** The same from a batch of raw pixels, uint8 [N, H, W, C], for a spec without `decode`. */
    runRaw: (self, spec: PipelineSpec, pixels: Tensor, ids: readonly string[], key: RandomKey): Promise<Tensor> =>
      self.stage(preprocessKey(spec), pixels.byteLength, async () =>
        (await engine()).runPipelineOnTensor(spec, pixels, ids, key, { signal: self.signal }),
      ),
  },
  arguments: {
    put: [pipelineSpec],
    describe: [],
    run: [pipelineSpec, sampleInputs, randomKey],
    runRaw: [pipelineSpec, tensor(), list(string()), randomKey],
  },
  results: { put: string(), describe: object({ spec: pipelineSpec, hash: string() }), run: tensor(), runRaw: tensor() },
})
