import { defineObject } from '../../core/define.ts'
import { optional } from '../../core/schema.ts'
import type { MovableSelf } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import type { BatchData } from '../../core/batch.ts'
import { forward, type ModelHandle } from '../model/forward.ts'
import { loaderModel } from '../model/schemas.ts'
import { preprocess, type RandomKey, type RunOptions, type SampleInput } from '../pipeline/pipeline.ts'
import { batchData, pipelineSpec, randomKey, runOptions, sampleInputs } from '../pipeline/schemas.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'

/** A model as a loader uses it: with the name of the one input that takes the batch. */
export interface LoaderModel extends ModelHandle {
  readonly input: string
}

/** One tensor goes to the model's input that was chosen for it; named ones go to the inputs of their names. */
const outputsOf = async (self: MovableSelf, model: LoaderModel, data: BatchData): Promise<BatchData> =>
  (await forward(self, model, data instanceof Tensor ? { [model.input]: data } : data, { asBatch: true })).outputs

/**
 * The work of one batch, as movable stages. A loader makes `whole` where all stages run on one site, and the two parts
 * one after the other where they do not.
 */
export const batchStages = defineObject({
  name: 'batch',
  movable: {
    /** Preprocesses the samples of one batch: one tensor [N, ...], or named ones where the ops give them. */
    preprocess: (self, spec: PipelineSpec, samples: readonly SampleInput[], key: RandomKey, options?: RunOptions): Promise<BatchData> =>
      preprocess(self, spec, samples, key, options),
    /** A model's named outputs for one preprocessed batch. */
    forward: (self, model: LoaderModel, data: BatchData): Promise<BatchData> => outputsOf(self, model, data),
    /** Both, on one site. */
    async whole(
      self,
      spec: PipelineSpec,
      samples: readonly SampleInput[],
      key: RandomKey,
      model: LoaderModel,
      options?: RunOptions,
    ): Promise<BatchData> {
      return outputsOf(self, model, await preprocess(self, spec, samples, key, options))
    },
  },
  arguments: {
    preprocess: [pipelineSpec, sampleInputs, randomKey, optional(runOptions)],
    forward: [loaderModel, batchData],
    whole: [pipelineSpec, sampleInputs, randomKey, loaderModel, optional(runOptions)],
  },
  results: { preprocess: batchData, forward: batchData, whole: batchData },
})
