import { failure } from '../../core/errors.ts'
import type { LoaderModel } from './batch-stages.ts'
import type { PlanOptions } from './plan.ts'

/**
 * Whether a model takes the batches of an epoch, said before the first of them rather than at the last.
 * @param count samples of the epoch
 * @throws ActiveStorageError `invalid-argument` for a model whose batch is fixed at a number that does not divide a batch, where
 * a run cannot be filled up; or that counts samples on another axis than the first
 */
export const checkBatches = ({ batch, input }: LoaderModel, count: number, { batchSize, dropLast = false }: PlanOptions): void => {
  if (batch === undefined) return
  const own = batch.inputs[input]
  if (own !== undefined && own.axis !== null && own.axis > 0)
    throw failure(
      'invalid-argument',
      `the model counts samples on axis ${own.axis} of its input "${input}", [${(own.shape ?? []).join(', ')}], where a loader gives them on axis 0: export it with the batch first (batch_first=True in PyTorch), or, where axis 0 does count them, put it with batch: { inputs: { ${JSON.stringify(input)}: 0 } }`,
    )
  const { size, independent } = batch
  if (size === null || size === 1 || independent) return
  const last = dropLast ? 0 : count % batchSize
  if (batchSize % size !== 0 && (count >= batchSize || last % size !== 0))
    throw failure(
      'invalid-argument',
      `batchSize ${batchSize}: the model runs exactly ${size} samples at a time, and it is not sure that a run which is filled up gives its samples the same: use a multiple of ${size}`,
    )
  if (last % size !== 0)
    throw failure(
      'invalid-argument',
      `the last batch has ${last} of ${batchSize} samples, and the model runs exactly ${size} at a time; it is not sure that a run which is filled up gives its samples the same: set dropLast, or put the model with batch: { independent: true } if it does`,
    )
}
