import { defineObject, type ObjectType } from '../../core/define.ts'
import { failure, isActiveStorageError, toFailure } from '../../core/errors.ts'
import { bytes, integer, list, number, object, optional, record, string, tensor, union } from '../../core/schema.ts'
import type { DeepReadonly, Feeds, ReadonlySelf, Self, Training } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { Value } from '../../core/value.ts'
import type { ModelHandle } from '../model/forward.ts'
import { modelHandle } from '../model/schemas.ts'
import type { Sample } from '../dataset/dataset.ts'
import { sample } from '../dataset/sample.ts'
import { inputOf } from './feeds.ts'
import type { Measured, Progress, Recorder } from './job.ts'
import type { Probed } from './probe.ts'
import { type ProbePlan, probePlan, stepKey } from './probe-plan.ts'
import { type Checkpoint, fitPlan, type FitPlan, measurePlan, type MeasurePlan, ready, type Status, trainerSpec, type TrainerSpec, trainerState, type TrainerState } from './spec.ts' // prettier-ignore

/** What a trainer is doing. */
export interface TrainerStatus {
  /** `interrupted`: it was running when its node ended, or its reader left; `resume` goes on. */
  readonly status: Status | 'interrupted'
  readonly run: number
  /** Of the last checkpoint. */
  readonly step: number
  readonly epoch: number
  readonly epochs: number
  /** Why it failed. */
  readonly error?: string
}

// Loaded by the host that trains, not by clients that know of the type.
const work = () => import('./work.ts')

const CURVE = 'curve'
const keyOf = (step: number): string => String(step).padStart(12, '0')
/** Jobs of this process, by site and trainer. */
const active = new Map<string, number>()
const nameOf = ({ site, id }: { readonly site: string; readonly id: string }): string => `${site}/${id}`

/** The methods that are for the job alone. */
interface Own {
  record(run: number, first: number, losses: readonly number[]): Promise<Status>
  checkpoint(run: number, at: Point, state: Feeds, first: number, losses: readonly number[]): Promise<Status>
  finish(run: number): Promise<void>
  fail(run: number, text: string): Promise<void>
}
type Point = Pick<Checkpoint, 'step' | 'epoch' | 'next'>
/** The turns of this very trainer, for its job. */
const recorderOf = (self: ReadonlySelf<TrainerState>, run: number): Recorder & { fail(text: string): Promise<void> } => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written out, since the type of the object would be made of itself
  const own = self.object(trainer as ObjectType, self.id) as unknown as Own
  return {
    record: (first, losses) => own.record(run, first, losses),
    checkpoint: (point, state, first, losses) => own.checkpoint(run, point, Object.fromEntries(state), first, losses),
    finish: () => own.finish(run),
    fail: (text) => own.fail(run, text),
  }
}

const fenced = (state: DeepReadonly<TrainerState>, run: number): void => {
  if (state.run !== run) throw failure('fenced', `run ${run} of this trainer is over: run ${state.run} has begun since`)
}

const begin = (self: Self<TrainerState>): number => {
  self.state.status = 'running'
  self.state.error = null
  return ++self.state.run
}
const note = (self: Self<TrainerState>, first: number, losses: readonly number[]): void => {
  if (losses.length === 0) return
  self.table<number[]>(CURVE).put(keyOf(first), [...losses])
}
/** Losses of steps that are made again. */
const forget = (self: Self<TrainerState>, after: number): void => {
  const table = self.table<number[]>(CURVE)
  for (;;) {
    const page = table.entries({ after: keyOf(after), limit: 1000 })
    for (const [key] of page) table.delete(key)
    if (page.length < 1000) break
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
    /**
     * Takes a model, and how it is trained. What was trained before is forgotten.
     * @throws `bad-model`, `unsupported` naming the node; `invalid-argument` for a spec that does not fit the model
     */
    async put(self, given: Uint8Array | ModelHandle, spec: TrainerSpec): Promise<void> {
      if (self.state.status === 'running' && active.has(nameOf(self)))
        throw failure('already-exists', 'the trainer is training: cancel that first')
      const { oneFile, readGraph } = await work()
      const file = await oneFile(self, given)
      const { graph } = readGraph(file)
      inputOf([...graph.inputs.keys()], spec.input)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- plain data
      const options = spec as unknown as Value
      await (await self.compute.train({ graph: file, options, seed: spec.seed ?? 0 }, self.signal)).close()
      forget(self, 0)
      Object.assign(self.state, {
        file: await self.content.put(file),
        inputs: [...graph.inputs.keys()],
        spec,
        plan: null,
        status: 'new',
        error: null,
        checkpoint: null,
        earlier: [],
      })
      self.state.run++
    },
    /** Begins a plan from the model's first weights. @returns the number for `run`, which does the work */
    fit(self, plan: FitPlan): number {
      ready(self.state)
      if (self.state.status === 'running' && active.has(nameOf(self)))
        throw failure('already-exists', 'the trainer is training: pause or cancel that first')
      forget(self, 0)
      Object.assign(self.state, { plan, checkpoint: null, earlier: [] })
      return begin(self)
    },
    /**
     * Goes on from the last checkpoint, after a pause, a failure, or the end of the node; or for more epochs where the plan is done.
     * @returns the number for `run`
     */
    resume(self, more: { epochs?: number } = {}): number {
      ready(self.state)
      const { plan, status, checkpoint: kept } = self.state
      if (plan === null) throw failure('not-found', 'nothing was begun: fit a plan')
      if (status === 'running' && active.has(nameOf(self))) throw failure('already-exists', 'the trainer is training already')
      if (status === 'done' && (more.epochs ?? plan.epochs) <= plan.epochs)
        throw failure('invalid-argument', `the plan of ${plan.epochs} epochs is done: resume with more epochs, or fit anew`)
      if (more.epochs !== undefined) self.state.plan = { ...plan, epochs: more.epochs }
      forget(self, kept?.step ?? 0)
      return begin(self)
    },
    /** Lets the job make a checkpoint and end. It answers at once; `run` gives its last report a moment later. */
    pause(self): void {
      if (self.state.status === 'running') self.state.status = 'paused'
    },
    cancel(self): void {
      if (self.state.status === 'running' || self.state.status === 'paused') self.state.status = 'cancelled'
    },
    /** For the job alone. */
    record(self, run: number, first: number, losses: readonly number[]): Status {
      fenced(self.state, run)
      note(self, first, losses)
      return self.state.status
    },
    /** For the job alone: one atomic checkpoint. */
    async checkpoint(self, run: number, at: Point, state: Feeds, first: number, losses: readonly number[]): Promise<Status> {
      fenced(self.state, run)
      const kept = await (await work()).keepState(self.content, new Map(Object.entries(state)))
      const before = self.state.checkpoint
      const most = self.state.plan?.keep ?? 2
      if (before !== null) self.state.earlier = [before, ...self.state.earlier].slice(0, most - 1)
      self.state.checkpoint = { ...at, ...kept, at: Date.now() }
      note(self, first, losses)
      return self.state.status
    },
    /** For the job alone. */
    finish(self, run: number): void {
      fenced(self.state, run)
      self.state.status = 'done'
    },
    /** For the job alone. */
    fail(self, run: number, text: string): void {
      if (self.state.run !== run) return
      self.state.status = 'failed'
      self.state.error = text.slice(0, 4000)
    },
  },
  readonly: {
    status(self): TrainerStatus {
      const { status, run, checkpoint: kept, plan, error } = self.state
      return {
        status: status === 'running' && !active.has(nameOf(self)) ? 'interrupted' : status,
        run,
        step: kept?.step ?? 0,
        epoch: kept?.epoch ?? 0,
        epochs: plan?.epochs ?? 0,
        ...(error !== null && { error }),
      }
    },
    /** Losses of steps, from after step `after`, in order: at most some 10,000. */
    curve(self, { after = 0 }: { after?: number } = {}): readonly number[] {
      const found: number[] = []
      for (const [key, losses] of self.table<number[]>(CURVE).entries({ limit: 1000 })) {
        const first = Number(key)
        for (const [i, loss] of losses.entries()) if (first + i > after) found.push(loss)
      }
      return found
    },
    /**
     * Does the work of a run that `fit` or `resume` has begun, and reports. Where its reader leaves, it stops; `resume` goes on.
     * @throws `fenced` where another run has begun since
     */
    async *run(self, run: number): AsyncGenerator<Progress> {
      const { state } = self
      const name = nameOf(self)
      fenced(state, run)
      if (state.status !== 'running' || state.plan === null) throw failure('fenced', `run ${run} of this trainer is over`)
      if (active.has(name)) throw failure('already-exists', `run ${run} of this trainer is under way`)
      active.set(name, run)
      const recorder = recorderOf(self, run)
      const { keptFeatures, opened, runJob, sourceOf } = await work()
      let training: Training | undefined
      try {
        const plan = state.plan as FitPlan
        const { file, spec } = ready(state)
        const source = await sourceOf(self, state, plan)
        const validate =
          plan.validate === undefined
            ? undefined
            : {
                ...(await sourceOf(self, state, {
                  dataset: plan.validate.dataset ?? plan.dataset,
                  pipeline: plan.validate.pipeline ?? plan.pipeline,
                  ...(plan.validate.split !== undefined && { split: plan.validate.split }),
                })),
                batchSize: plan.validate.batchSize ?? plan.batchSize,
              }
        const kept = plan.features === undefined ? undefined : await keptFeatures(self, state, plan.features, plan.cache)
        const [trained, measured] = kept === undefined ? [source, validate] : [await kept.of(source), validate && (await kept.of(validate))]
        training = await opened(self, state, kept?.head)
        const from = state.checkpoint ?? { step: 0, epoch: 0, next: 0 }
        yield* runJob(
          self,
          {
            plan,
            spec,
            source: trained,
            from,
            training,
            stepKey: stepKey(file.hash, spec, plan),
            ...(measured !== undefined && { validate: measured }),
          },
          recorder,
        )
      } catch (error) {
        // A reader that left has interrupted it, which is no failure.
        if (!self.signal.aborted && !isActiveStorageError(error, 'fenced'))
          await recorder.fail(toFailure(error).message).catch(() => undefined)
        throw error
      } finally {
        active.delete(name)
        await training?.close()
      }
    },
    /** The loss, and the share of right classes, of the last checkpoint on samples. */
    async evaluate(self, plan: MeasurePlan): Promise<Measured> {
      const { measure, opened, sourceOf } = await work()
      const training = await opened(self, self.state)
      try {
        return await measure(self, training, { ...(await sourceOf(self, self.state, plan)), batchSize: plan.batchSize ?? 64 })
      } finally {
        await training.close()
      }
    },
    /** The model's outputs for named inputs, with the weights of the last checkpoint. */
    async predict(self, feeds: Feeds): Promise<Readonly<Record<string, Tensor>>> {
      const file = self.content.keep(await (await work()).exported(self))
      return self.compute.run({ hash: file.hash, file, external: [] }, feeds, self.signal)
    },
    /** The model with the weights of the last checkpoint: an ONNX file, as it was put but for them. */
    export: async (self): Promise<Uint8Array> => (await work()).exported(self),
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
    put: [union([bytes(), modelHandle]), trainerSpec],
    fit: [fitPlan],
    resume: [optional(object({ epochs: optional(integer({ minimum: 1 })) }))],
    pause: [],
    cancel: [],
    record: [integer(), integer(), list(number())],
    checkpoint: [
      integer(),
      object({ step: integer({ minimum: 0 }), epoch: integer({ minimum: 0 }), next: integer({ minimum: 0 }) }),
      record(tensor()),
      integer(),
      list(number()),
    ],
    finish: [integer()],
    fail: [integer(), string()],
    status: [],
    curve: [optional(object({ after: optional(integer({ minimum: 0 })) }))],
    run: [integer()],
    evaluate: [measurePlan],
    predict: [record(tensor())],
    export: [],
    probe: [bytes(), trainerSpec, probePlan, list(sample, { minItems: 1, maxItems: 65_536 })],
  },
})
