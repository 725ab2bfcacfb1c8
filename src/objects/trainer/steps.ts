import type { Feeds, StepAt, Training, TrainingTold } from '../../core/self.ts'
import type { Loss } from '../../training/loss.ts'
import { sharesOf } from '../../training/shares.ts'

/** Parts of a row, each of as many; the last has what is left. */
export const partsOf = <T>(row: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(row.length / size) }, (_, part) => row.slice(part * size, (part + 1) * size))

/** How the batches of a step are counted. */
interface Gathering {
  readonly losses: readonly Loss[]
  /** The most batches that a step has: the masks of each follow from its number among all. */
  readonly accumulate: number
}

/**
 * One step of the optimizer by one batch or by several, whose gradients add up to those of all of them joined.
 * @throws as `step` of a training does; what was gathered is then not used
 */
export const stepBy = async (
  training: Pick<Training, 'step' | 'gather' | 'apply'>,
  batches: readonly Feeds[],
  at: StepAt,
  { losses, accumulate }: Gathering,
): Promise<TrainingTold> => {
  const [first] = batches
  if (accumulate === 1 && first !== undefined) return training.step(first, at)
  const shares = sharesOf(losses, batches)
  let [loss, correct, counted] = [0, 0, 0]
  for (const [i, feeds] of batches.entries()) {
    const share = shares[i] ?? []
    // All of its elements are ignored: it has no mean, and no part in the step.
    if (share.every((part) => part === 0)) continue
    const told = await training.gather(feeds, share, (at.step - 1) * accumulate + i + 1)
    loss += told.part ?? told.loss
    correct += told.correct ?? 0
    counted += told.counted ?? 0
  }
  const { norm } = await training.apply(at)
  return { loss, ...(counted > 0 && { correct, counted }), ...(norm !== undefined && { norm }) }
}
