import type { BatchData } from '../../core/batch.ts'
import type { MovableSelf } from '../../core/self.ts'
import { Tensor } from '../../core/tensor.ts'
import { forward, type ModelHandle } from '../model/forward.ts'

/** A model as a loader uses it: with the name of the one input that takes the batch. */
export interface LoaderModel extends ModelHandle {
  readonly input: string
}

/** A model's named outputs. One tensor goes to the input that was chosen for it; named ones go to the inputs of their names. */
export const outputsOf = async (self: MovableSelf, model: LoaderModel, data: BatchData): Promise<BatchData> =>
  (await forward(self, model, data instanceof Tensor ? { [model.input]: data } : data, { asBatch: true })).outputs
