import type { BatchData } from '../../core/batch.ts'
import { failure } from '../../core/errors.ts'
import { bytes, list, object, type Schema, string, union } from '../../core/schema.ts'
import type { MovableSelf } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import { loaderModel } from '../model/schemas.ts'
import { preprocess, preprocessRaw, type RandomKey } from '../pipeline/pipeline.ts'
import { batchData, pipelineSpec } from '../pipeline/schemas.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'
import { type LoaderModel, outputsOf } from './model-outputs.ts'

/** A batch of a loader of another library: a tensor [N, ...], named ones, or N encoded samples, with an id each. */
export interface LooseBatch {
  readonly ids: readonly string[]
  readonly data: BatchData | readonly Uint8Array[]
}
/** What is done with it: preprocessing, or a model's forward pass. */
export type LooseStage = { readonly map: PipelineSpec } | { readonly forward: LoaderModel }

const STAGES_MOST = 64

export const looseBatch: Schema<LooseBatch> = object({ ids: list(string()), data: union([batchData, list(bytes())]) })
export const looseStages: Schema<readonly LooseStage[]> = list(union([object({ map: pipelineSpec }), object({ forward: loaderModel })]), {
  minItems: 1,
  maxItems: STAGES_MOST,
})

/** One stage after the other, on the host that executes the call. @throws `tensor-mismatch` for data that a stage does not take */
export const runStages = async (
  self: MovableSelf,
  stages: readonly LooseStage[],
  { ids, data: given }: LooseBatch,
  key: RandomKey,
): Promise<BatchData> => {
  let data = given
  for (const stage of stages)
    data = 'map' in stage ? await mapped(self, stage.map, { ids, data }, key) : await outputsOf(self, stage.forward, tensorsOf(data))
  return tensorsOf(data)
}

const mapped = (self: MovableSelf, spec: PipelineSpec, { ids, data }: LooseBatch, key: RandomKey): Promise<BatchData> => {
  if (data instanceof Tensor) return preprocessRaw(self, spec, data, ids, key)
  if (!isEncoded(data)) throw failure('tensor-mismatch', 'a pipeline takes encoded images or one tensor, not named outputs')
  if (ids.length !== data.length) throw failure('invalid-argument', `${ids.length} ids for ${data.length} samples`)
  const samples = data.map((content, row) => ({ id: ids[row] ?? '', content }))
  return preprocess(self, spec, samples, key)
}

const tensorsOf = (data: LooseBatch['data']): BatchData => {
  if (isEncoded(data)) throw failure('tensor-mismatch', 'a model takes a tensor: preprocess the images with .map(pipeline) first')
  return data
}
const isEncoded = (data: LooseBatch['data']): data is readonly Uint8Array[] => Array.isArray(data)
