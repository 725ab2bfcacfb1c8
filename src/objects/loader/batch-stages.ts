import { defineObject } from '../../core/define.ts'
import { optional } from '../../core/schema.ts'
import type { BatchData } from '../../core/batch.ts'
import { loaderModel } from '../model/schemas.ts'
import { preprocess, type RandomKey, type RunOptions, type SampleInput } from '../pipeline/pipeline.ts'
import { batchData, pipelineSpec, randomKey, runOptions, sampleInputs } from '../pipeline/schemas.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'
import { type LooseBatch, looseBatch, type LooseStage, looseStages, runStages } from './loose-batch.ts'
import { type LoaderModel, outputsOf } from './model-outputs.ts'

export type { LoaderModel } from './model-outputs.ts'

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
    /** Stages one after the other, on one site, of a batch that the caller brings. */
    chain: (self, stages: readonly LooseStage[], batch: LooseBatch, key: RandomKey): Promise<BatchData> =>
      runStages(self, stages, batch, key),
  },
  arguments: {
    preprocess: [pipelineSpec, sampleInputs, randomKey, optional(runOptions)],
    forward: [loaderModel, batchData],
    whole: [pipelineSpec, sampleInputs, randomKey, loaderModel, optional(runOptions)],
    chain: [looseStages, looseBatch, randomKey],
  },
  results: { preprocess: batchData, forward: batchData, whole: batchData, chain: batchData },
})
