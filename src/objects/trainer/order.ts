import { failure } from '../../core/errors.ts'
import type { Sample } from '../dataset/sample.ts'
import { batchesIn, planEpoch } from '../loader/plan.ts'
import type { FitPlan } from './spec.ts'

/** What the steps of a plan take, epoch by epoch. @throws `invalid-argument` where the samples are not one batch */
export const orderOf = (samples: readonly Sample[], plan: FitPlan) => {
  const { shuffle = true, seed = 0, dropLast = false } = plan
  const order = { batchSize: plan.batchSize * (plan.accumulate ?? 1), shuffle, seed, dropLast }
  const inEpoch = batchesIn(samples.length, order)
  if (inEpoch === 0)
    throw failure(
      'invalid-argument',
      `the data set gives ${samples.length} samples, which is no batch of ${order.batchSize}: name another part of it, or a smaller batch`,
    )
  return {
    seed,
    /** In all epochs. */
    steps: inEpoch * plan.epochs,
    /** The samples of each step. */
    inEpoch: (epoch: number): Promise<readonly (readonly Sample[])[]> => planEpoch(samples, order, epoch),
  }
}
