import { createHash } from 'node:crypto'
import { list, object, optional, oneOf, string, typed } from '../../core/schema.ts'
import { batchSize, type FitPlan, ops, type SourcePlan, type TrainerSpec } from './spec.ts'

/** Names the work of a step for the policy's estimators: the same model, trained in the same way on batches of one size. */
export const stepKey = (file: string, { trainable = [] }: TrainerSpec, { batchSize: size, features }: FitPlan): string =>
  `train:${createHash('sha256')
    .update(JSON.stringify([file, trainable, size, features ?? null]))
    .digest('hex')
    .slice(0, 16)}`

/** What decides how long a step takes, beside the model and how it is trained. */
export interface ProbePlan extends Pick<SourcePlan, 'pipeline'>, Pick<FitPlan, 'batchSize' | 'cache'> {
  /** Names of the classes, where labels are names. */
  readonly classes: readonly string[]
}
export const probePlan = typed<ProbePlan>(
  object({ pipeline: ops, batchSize, cache: optional(oneOf(['decoded'])), classes: list(string(), { maxItems: 65_536 }) }),
)
