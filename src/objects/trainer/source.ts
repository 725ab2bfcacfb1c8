import type { DeepReadonly, ReadonlySelf } from '../../core/self.ts'
import { dataset } from '../dataset/dataset.ts'
import { samplesOf } from '../loader/samples.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'
import { inputOf, lossesOf } from './feeds.ts'
import type { Source } from './job.ts'
import type { SourcePlan, TrainerState } from './spec.ts'
import { ready } from './weights.ts'

/** The samples of a plan and how they become batches. */
export const sourceOf = async (self: ReadonlySelf<TrainerState>, state: DeepReadonly<TrainerState>, plan: SourcePlan): Promise<Source> => {
  const { spec } = ready(state)
  const set = self.object(dataset, plan.dataset)
  const ops: PipelineSpec = 'ops' in plan.pipeline ? plan.pipeline : { ops: plan.pipeline }
  const [{ classes = [] }, samples] = await Promise.all([set.describe(), samplesOf(set, ops, plan.split)])
  const named =
    classes.length > 0 ? classes : [...new Set(samples.flatMap(({ label }) => (typeof label === 'string' ? [label] : [])))].sort()
  return { samples, spec: ops, rule: { input: inputOf(state.inputs, spec.input), losses: lossesOf(spec), classes: named } }
}
