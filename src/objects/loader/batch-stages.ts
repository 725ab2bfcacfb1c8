import { defineObject } from '../../core/define.ts'
import { failure } from '../../core/errors.ts'
import { tensor, union } from '../../core/schema.ts'
import { Tensor } from '../../core/tensor.ts'
import type { BatchData } from '../../core/batch.ts'
import { forward, type ModelHandle } from '../model/forward.ts'
import { loaderModel, outputs } from '../model/schemas.ts'
import { preprocess, type RandomKey, type SampleInput } from '../pipeline/pipeline.ts'
import { pipelineSpec, randomKey, sampleInputs } from '../pipeline/schemas.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'

/** A model as a loader uses it: with the name of the one input that takes the batch. */
export interface LoaderModel extends ModelHandle {
  readonly input: string
}

/**
 * The work of one batch, as movable stages. A loader makes `whole` where all stages run on one site, and the two parts
 * one after the other where they do not.
 */
export const batchStages = defineObject({
  name: 'batch',
  movable: {
    /** Preprocesses the samples of one batch: one tensor [N, ...]. */
    preprocess: (self, spec: PipelineSpec, samples: readonly SampleInput[], key: RandomKey): Promise<Tensor> =>
      preprocess(self, spec, samples, key),
    /** A model's named outputs for one preprocessed batch. */
    async forward(self, model: LoaderModel, data: Tensor): Promise<BatchData> {
      if (!(data instanceof Tensor)) throw failure('tensor-mismatch', 'the batch is not a tensor')
      return (await forward(self, model, { [model.input]: data })).outputs
    },
    /** Both, on one site. */
    async whole(self, spec: PipelineSpec, samples: readonly SampleInput[], key: RandomKey, model: LoaderModel): Promise<BatchData> {
      const data = await preprocess(self, spec, samples, key)
      return (await forward(self, model, { [model.input]: data })).outputs
    },
  },
  arguments: {
    preprocess: [pipelineSpec, sampleInputs, randomKey],
    forward: [loaderModel, tensor()],
    whole: [pipelineSpec, sampleInputs, randomKey, loaderModel],
  },
  results: { preprocess: tensor(), forward: union([tensor(), outputs]), whole: union([tensor(), outputs]) },
})
