import { failure } from '../core/errors.ts'
import type { Feeds } from './feeds.ts'
import { IGNORED, type Loss, targetOf } from './loss.ts'

/**
 * What a batch counts in the mean of a loss over several: its elements, or the weights of their classes. Losses are means
 * over these, so the mean of a joined batch is that of its parts by these numbers.
 */
const weightOf = (loss: Loss, feeds: Feeds): number => {
  const target = feeds[targetOf(loss)]
  if (target === undefined) throw failure('tensor-mismatch', `the batch has no "${targetOf(loss)}", which a loss takes`)
  // Labels of another dtype are refused where the batch is fed.
  if (loss.kind !== 'cross-entropy' || !(target.data instanceof BigInt64Array)) return target.size
  const { classWeights, ignore = IGNORED } = loss
  const none = BigInt(ignore)
  let weight = 0
  for (const label of target.data) if (label !== none) weight += classWeights === undefined ? 1 : (classWeights[Number(label)] ?? 0)
  return weight
}

/** What a batch counts in the mean of each loss, in their order. @throws `tensor-mismatch` where the batch lacks a target */
export const weightsOf = (losses: readonly Loss[], feeds: Feeds): number[] => losses.map((loss) => weightOf(loss, feeds))

/**
 * The share of each batch in each loss over all of them, so that what they add up to is the loss of one joined batch.
 * @returns by batch, then by loss; where nothing counts for a loss, equal parts
 */
export const sharesOf = (losses: readonly Loss[], batches: readonly Feeds[]): readonly (readonly number[])[] => {
  const weights = batches.map((feeds) => weightsOf(losses, feeds))
  const totals = losses.map((_, place) => weights.reduce((sum, own) => sum + (own[place] ?? 0), 0))
  return weights.map((own) => own.map((weight, place) => (totals[place] ? weight / totals[place] : 1 / batches.length)))
}
