import { defineObject, type ObjectType } from '../../core/define.ts'
import type { RoleReport } from '../../training/roles/report.ts'
import { boolean, bytes, integer, list, number, object, optional, record, string, tensor, union } from '../../core/schema.ts'
import type { Feeds, ReadonlySelf, Training, TrainingTold } from '../../core/self.ts'
import type { ModelHandle } from '../model/forward.ts'
import { modelHandle } from '../model/schemas.ts'
import type { Sample } from '../dataset/dataset.ts'
import { sample } from '../dataset/sample.ts'
import type { FrontItem } from './front.ts'
import type { Measured, Progress, Recorder } from './journal.ts'
import { fitPlan, type FitPlan, measurePlan, type MeasurePlan, ready, trainerSpec, type TrainerSpec, type SplitPlan, splitPlan, type StepPlan, stepPlan, trainerState, type TrainerState } from './spec.ts' // prettier-ignore
import type { Probed } from './probe.ts'
import { type ProbePlan, probePlan, stepKey } from './probe-plan.ts'
import type { StepBatch, Stepped } from './stepping.ts'
import { beginPlan, beginSteps, internalTurns, jobOf, recorderOf, takeModel, turnArguments, turns, views } from './turns.ts'

// Loaded by the host that trains, not by clients that know of the type.
const work = () => import('./work.ts')

async function* train(self: ReadonlySelf<TrainerState>, recorder: Recorder): AsyncGenerator<Progress> {
  const { keptFeatures, opened, runJob, sourceOf } = await work()
  const { state } = self
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- held against the schema when it was put; `jobOf` has seen that there is one
  const plan = state.plan as FitPlan
  const { file, spec } = ready(state)
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
    const key = stepKey(file.hash, spec, plan)
    yield* runJob(self, { plan, spec, source: trained, from, training, stepKey: key, ...(measured !== undefined && { validate: measured }) }, recorder) // prettier-ignore
  } finally {
    await training.close()
  }
}

const told = object({
  loss: number(),
  correct: optional(number()),
  counted: optional(number()),
  norm: optional(number({ minimum: 0 })),
  part: optional(number()),
})
const stepBatch = union([
  record(tensor()),
  object({
    ids: list(string()),
    data: union([tensor(), record(tensor())]),
    labels: optional(list(union([string(), number()]))),
    epoch: optional(integer()),
    index: optional(integer()),
  }),
])

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
     * @returns which tensors are trained, frozen, buffers and constants, each with why, and what is doubtful (`warnings`)
     * @throws `bad-model`, `unsupported` naming the node; `invalid-argument` for a spec that does not fit the model
     */
    put: (self, given: Uint8Array | ModelHandle, spec: TrainerSpec): Promise<RoleReport> => takeModel(self, given, spec),
    /** Begins a plan from the model's first weights. @returns the number for `run`, which does the work */
    fit: (self, plan: FitPlan): number => beginPlan(self, plan),
    /**
     * Begins steps with batches that the caller brings: from the model's first weights, or from the last checkpoint.
     * @returns the session for `step` and `save`, which cannot be guessed, and the steps that are made
     */
    start: (self, options: { resume?: boolean } = {}): Promise<{ run: number; session: string; step: number }> => beginSteps(self, options),
  },
  readonly: {
    ...views,
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
  sessions: {
    /**
     * Does the work of a run that `fit` or `resume` has begun, and reports. Where its reader leaves, it stops; `resume` goes on.
     * @throws `fenced` where another run has begun since
     */
    async *run(self, run: number): AsyncGenerator<Progress> {
      yield* jobOf(self, trainer as ObjectType, run, (recorder) => train(self, recorder))
    },
    /**
     * One step of the optimizer on a batch that the caller brings. It is in memory until the next checkpoint: what the answer
     * names as `checkpoint` is on disk.
     * @throws `session-ended` where the steps since the last checkpoint are lost: it names the step to go on with; `fenced`
     * for the session of another run, or a step that is not the next; `permission-denied` for what is no session; `tensor-mismatch`, `bad-sample`, `training-diverged`: the step is
     * then not made
     */
    async step(self, batch: StepBatch, at: StepPlan): Promise<Stepped> {
      return (await work()).stepOf(self, recorderOf(self, trainer as ObjectType, self.state.run), batch, at)
    },
    /**
     * Makes a checkpoint of the steps so far.
     * @param close whether the model is let go of then, which is done by itself after ten minutes without a step
     * @returns their number, once it is on disk
     */
    async save(self, session: string, { close = false }: { close?: boolean } = {}): Promise<number> {
      return (await work()).saveOf(self, recorderOf(self, trainer as ObjectType, self.state.run), session, close)
    },
    /**
     * For `splitTraining`: does the work of a run as `run` does, with the back of the model where this is read. Its first item
     * has the session by which the other three are called.
     */
    async *front(self, run: number, how: SplitPlan): AsyncGenerator<FrontItem> {
      const { runFront } = await work()
      yield* jobOf(self, trainer as ObjectType, run, (recorder) => runFront(self, run, how, recorder))
    },
    /** For `splitTraining`: gradients of a step's activations. @returns the norm of the front's own */
    backward: async (self, session: string, step: number, gradients: Feeds, told: TrainingTold): Promise<{ norm: number }> =>
      (await work()).deliverGradients(self, session, step, { gradients, told }),
    /** For `splitTraining`: the back's part of a checkpoint. It answers when that is on disk. */
    keepBack: async (self, session: string, step: number, state: Feeds): Promise<null> =>
      (await work()).deliverState(self, session, step, state),
    /** For `splitTraining`: notes that the run has failed where the back is, and why. */
    async failBack(self, session: string, text: string): Promise<void> {
      const run = await (await work()).runOfFront(self, session)
      await recorderOf(self, trainer as ObjectType, run).fail(text)
    },
  },
  movable: {
    /**
     * Makes a few steps on some samples, and keeps nothing of them: what a step takes here, now. For the policy.
     * @param file the model, an ONNX file
     * @param samples some of those that will be trained on
     */
    probe: async (self, file: Uint8Array, spec: TrainerSpec, plan: ProbePlan, samples: readonly Sample[]): Promise<Probed> =>
      (await work()).probeSteps(self, file, spec, plan, samples),
  },
  arguments: {
    ...turnArguments,
    put: [union([bytes(), modelHandle]), trainerSpec],
    fit: [fitPlan],
    start: [optional(object({ resume: optional(boolean()) }))],
    step: [stepBatch, stepPlan],
    save: [string(), optional(object({ close: optional(boolean()) }))],
    run: [integer()],
    front: [integer(), splitPlan],
    backward: [string(), integer(), record(tensor()), told],
    keepBack: [string(), integer(), record(tensor())],
    failBack: [string(), string()],
    evaluate: [measurePlan],
    probe: [bytes(), trainerSpec, probePlan, list(sample, { minItems: 1, maxItems: 65_536 })],
  },
  internal: [...internalTurns, 'backward', 'keepBack', 'failBack'],
})
