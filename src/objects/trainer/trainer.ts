import { defineObject, type ObjectType } from '../../core/define.ts'
import { bytes, integer, union } from '../../core/schema.ts'
import type { ReadonlySelf, Training } from '../../core/self.ts'
import type { ModelHandle } from '../model/forward.ts'
import { modelHandle } from '../model/schemas.ts'
import type { Measured, Progress, Recorder } from './journal.ts'
import { fitPlan, type FitPlan, measurePlan, type MeasurePlan, ready, trainerSpec, type TrainerSpec, trainerState, type TrainerState } from './spec.ts' // prettier-ignore
import { beginPlan, jobOf, takeModel, turnArguments, turns, views } from './turns.ts'

// Loaded by the host that trains, not by clients that know of the type.
const work = () => import('./work.ts')

async function* train(self: ReadonlySelf<TrainerState>, recorder: Recorder): AsyncGenerator<Progress> {
  const { keptFeatures, opened, runJob, sourceOf } = await work()
  const { state } = self
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- held against the schema when it was put; `jobOf` has seen that there is one
  const plan = state.plan as FitPlan
  const { spec } = ready(state)
  const how = { inputs: state.inputs, spec }
  const source = await sourceOf(self, how, plan)
  const validate =
    plan.validate === undefined
      ? undefined
      : {
          ...(await sourceOf(self, how, {
            dataset: plan.validate.dataset ?? plan.dataset,
            pipeline: plan.validate.pipeline ?? plan.pipeline,
            ...(plan.validate.split !== undefined && { split: plan.validate.split }),
          })),
          batchSize: plan.validate.batchSize ?? plan.batchSize,
        }
  const kept = plan.features === undefined ? undefined : await keptFeatures(self, state, plan.features, plan.cache)
  const [trained, measured] = kept === undefined ? [source, validate] : [await kept.of(source), validate && (await kept.of(validate))]
  const training: Training = await opened(self, state, kept?.head)
  try {
    const from = state.checkpoint ?? { step: 0, epoch: 0, next: 0 }
    yield* runJob(self, { plan, spec, source: trained, from, training, ...(measured !== undefined && { validate: measured }) }, recorder)
  } finally {
    await training.close()
  }
}

/**
 * Trains a model where the trainer is: beside the data, as a rule. What it does is a job outside of its turns, so that
 * it answers at once while it trains.
 */
export const trainer = defineObject({
  name: 'trainer',
  state: (): TrainerState => ({ file: null, inputs: [], spec: null, plan: null, status: 'new', run: 0, error: null, checkpoint: null, earlier: [] }), // prettier-ignore
  schema: trainerState,
  methods: {
    ...turns,
    /**
     * Takes a model, and how it is trained. What was trained before is forgotten.
     * @throws `bad-model`, `unsupported` naming the node; `invalid-argument` for a spec that does not fit the model
     */
    put: (self, given: Uint8Array | ModelHandle, spec: TrainerSpec): Promise<void> => takeModel(self, given, spec),
    /** Begins a plan from the model's first weights. @returns the number for `run`, which does the work */
    fit: (self, plan: FitPlan): number => beginPlan(self, plan),
  },
  readonly: {
    ...views,
    /**
     * Does the work of a run that `fit` or `resume` has begun, and reports. Where its reader leaves, it stops; `resume` goes on.
     * @throws `fenced` where another run has begun since
     */
    async *run(self, run: number): AsyncGenerator<Progress> {
      yield* jobOf(self, trainer as ObjectType, run, (recorder) => train(self, recorder))
    },
    /** The loss, and the share of right classes, of the last checkpoint on samples. */
    async evaluate(self, plan: MeasurePlan): Promise<Measured> {
      const { measure, opened, sourceOf } = await work()
      const { inputs } = self.state
      const { spec } = ready(self.state)
      const training = await opened(self, self.state)
      try {
        return await measure(self, training, { ...(await sourceOf(self, { inputs, spec }, plan)), batchSize: plan.batchSize ?? 64 })
      } finally {
        await training.close()
      }
    },
  },
  arguments: {
    ...turnArguments,
    put: [union([bytes(), modelHandle]), trainerSpec],
    fit: [fitPlan],
    run: [integer()],
    evaluate: [measurePlan],
  },
})
