import { failure } from '../../core/errors.ts'
import type { LoaderModel } from './batch-stages.ts'
import type { PlanOptions } from './plan.ts'

/**
 * Whether a model takes the batches of an epoch, said before the first of them rather than at the last.
 * @param count samples of the epoch
 * @throws ActiveStorageError `invalid-argument` naming what to set: for a model of a fixed batch whose samples may depend on each
 * other, one that counts samples on another axis than the first, or one that does not tell where its outputs hold them
 */
export const checkBatches = ({ batch, input }: LoaderModel, count: number, { batchSize, dropLast = false }: PlanOptions): void => {
  if (batch === undefined) return
  const own = batch.inputs[input]
  if (own !== undefined && own.axis !== null && own.axis > 0)
    throw failure(
      'invalid-argument',
      `the model counts samples on axis ${own.axis} of its input "${input}", [${(own.shape ?? []).join(', ')}], where a loader gives them on axis 0: export it with the batch first (batch_first=True in PyTorch), or, where axis 0 does count them, put it with batch: { inputs: { ${JSON.stringify(input)}: 0 } }`,
    )
  const { size, independent, outputs } = batch
  const [unclear] = size === 1 ? (Object.entries(outputs).find(([, { join }]) => join === 'ask') ?? []) : []
  if (unclear !== undefined)
    throw failure(
      'invalid-argument',
      `the model runs one sample at a time and does not tell where its output "${unclear}" holds it: put it with batch: { outputs: { ${JSON.stringify(unclear)}: AXIS } }, or null, 'stack', 'rows' or { axis, rows } in place of AXIS (docs/models.md)`,
    )
  if (size === null || size === 1 || independent) return
  const vouch = `or put the model with batch: { independent: true } if a sample's result is the same among any others`
  if (batchSize !== size && count > 0 && !(count < batchSize && count === size))
    throw failure(
      'invalid-argument',
      `batchSize ${batchSize}: the model runs exactly ${size} samples at a time, and their results may depend on each other: use batchSize ${size}, ${vouch}`,
    )
  const last = count % batchSize
  if (last !== 0 && last !== size && !dropLast)
    throw failure(
      'invalid-argument',
      `the last batch has ${last} of ${batchSize} samples, and the model runs exactly ${size} at a time, whose results may depend on each other: set dropLast, ${vouch}`,
    )
}
