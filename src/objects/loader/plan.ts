import { failure } from '../../core/errors.ts'
import { permutation } from '../../core/random.ts'
import { mapSliced, rangeSliced } from '../../core/slices.ts'

export interface PlanOptions {
  readonly batchSize: number
  /** Shuffles by (seed, epoch). Default false: the data set's own order. */
  readonly shuffle?: boolean
  /** Default 0. */
  readonly seed?: number
  /** Leaves out a last batch that is not full. Default false. */
  readonly dropLast?: boolean
}

export const checkPlan = ({ batchSize, seed = 0 }: PlanOptions): void => {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1 || batchSize > 65_536)
    throw failure('invalid-argument', `batchSize ${batchSize}: use a whole number from 1 to 65536`)
  if (!Number.isSafeInteger(seed) || seed < 0) throw failure('invalid-argument', `seed ${seed}: use a whole number from 0 to 2^53 - 1`)
}

/** Number of batches in an epoch of `count` samples. */
export const batchesIn = (count: number, { batchSize, dropLast = false }: PlanOptions): number =>
  dropLast ? Math.floor(count / batchSize) : Math.ceil(count / batchSize)

/** An epoch's batches: a pure function of the samples, the seed and the epoch, and so the same wherever they run. */
export const planEpoch = async <Sample>(
  samples: readonly Sample[],
  options: PlanOptions,
  epoch: number,
): Promise<readonly (readonly Sample[])[]> => {
  checkPlan(options)
  const { batchSize, shuffle = false, seed = 0 } = options
  const order = shuffle ? await mapSliced(await permutation(seed, epoch, samples.length), (index) => samples[index]!) : samples
  const batches: (readonly Sample[])[] = []
  await rangeSliced(batchesIn(samples.length, options), (index) => batches.push(order.slice(index * batchSize, (index + 1) * batchSize)), 1)
  return batches
}
