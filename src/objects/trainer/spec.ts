import {
  boolean,
  contentRef,
  integer,
  list,
  nullable,
  number,
  object,
  objectRef,
  oneOf,
  optional,
  record,
  type Schema,
  string,
  typed,
  type TypeOf,
  union,
} from '../../core/schema.ts'
import type { ContentRef } from '../../core/content.ts'
import { failure } from '../../core/errors.ts'
import type { DeepReadonly } from '../../core/self.ts'
import type { ObjectRef } from '../../core/object-ref.ts'
import type { TrainOptions } from '../../training/compile.ts'
import type { Schedule } from '../../training/schedule.ts'
import type { Keeping } from './features.ts'
import type { Split } from '../dataset/split.ts'
import { pipelineSpec } from '../pipeline/schemas.ts'
import type { Op, PipelineSpec } from '../pipeline/spec.ts'

const share = number({ minimum: 0, maximum: 1 })
const positive = number({ exclusiveMinimum: 0 })
export const whole = integer({ minimum: 0 })
const ofLoss = { output: optional(string()), target: optional(string()), weight: optional(number()) }
const loss = union([
  object({
    kind: oneOf(['cross-entropy']),
    ...ofLoss,
    classWeights: optional(list(number({ minimum: 0 }))),
    labelSmoothing: optional(share),
    ignore: optional(integer()),
  }),
  object({ kind: oneOf(['binary-cross-entropy']), ...ofLoss, positiveWeight: optional(number({ minimum: 0 })) }),
  object({ kind: oneOf(['mse', 'mae']), ...ofLoss }),
  object({ kind: oneOf(['huber']), ...ofLoss, delta: optional(positive) }),
])
const optimizer = union([
  object({ kind: oneOf(['sgd']), weightDecay: optional(number()), momentum: optional(number()), nesterov: optional(boolean()) }),
  object({
    kind: oneOf(['adam', 'adamw']),
    weightDecay: optional(number()),
    betas: optional(list(number(), { minItems: 2, maxItems: 2 })),
    epsilon: optional(positive),
  }),
  object({
    kind: oneOf(['rmsprop']),
    weightDecay: optional(number()),
    alpha: optional(number()),
    epsilon: optional(positive),
    momentum: optional(number()),
  }),
])
const warmUp = optional(whole)
const schedule: Schema<Schedule> = union([
  object({ kind: oneOf(['constant']), warmUp }),
  object({
    kind: oneOf(['step']),
    warmUp,
    every: union([integer({ minimum: 1 }), list(integer({ minimum: 1 }), { minItems: 1 })]),
    factor: optional(positive),
  }),
  object({ kind: oneOf(['cosine']), warmUp, steps: integer({ minimum: 1 }), floor: optional(share) }),
  object({ kind: oneOf(['one-cycle']), warmUp, steps: integer({ minimum: 1 }), rise: optional(share) }),
])

/** How a model is trained, whatever it is trained on. Plain data. */
export interface TrainerSpec extends TrainOptions {
  /** At the top of the schedule. */
  readonly learningRate: number
  /** Default constant. */
  readonly schedule?: Schedule
  /** Of random masks. Default 0. */
  readonly seed?: number
  /** The model's input that takes a batch of one tensor. Default its only one. */
  readonly input?: string
}
export const trainerSpec = typed<TrainerSpec>(
  object({
    loss: union([loss, list(loss, { minItems: 1, maxItems: 16 })]),
    optimizer,
    trainable: optional(list(string(), { minItems: 1 })),
    paddingRows: optional(record(whole)),
    groups: optional(
      list(object({ match: list(string(), { minItems: 1 }), rate: optional(number({ minimum: 0 })), weightDecay: optional(number()) })),
    ),
    clipNorm: optional(positive),
    activationBytes: optional(whole),
    learningRate: positive,
    schedule: optional(schedule),
    seed: optional(whole),
    input: optional(string()),
  }),
)

/** Which part of a data set: by a seeded hash of the samples' ids. */
export const split: Schema<Split> = object({ part: oneOf(['train', 'test']), test: share, seed: optional(whole) })
export const datasetName = union([string(), objectRef()])
export const ops = union([list(object({ op: string() }, { additionalProperties: true })), pipelineSpec])
export const batchSize = integer({ minimum: 1, maximum: 65_536 })

/** Samples, and how they become batches. */
export type SourcePlan = {
  /** A data set of the site where the trainer is, or a reference to one elsewhere. */
  readonly dataset: string | ObjectRef
  readonly pipeline: readonly Op[] | PipelineSpec
  readonly split?: Split
}

/** What a trainer goes through, and how it keeps what it has made of it. */
export type FitPlan = SourcePlan & {
  readonly batchSize: number
  /**
   * Batches to a step of the optimizer: their gradients are added, each by its share, so that the step is that of one
   * batch of all of them in the memory of one. Statistics of batches are still those of each. Default 1.
   */
  readonly accumulate?: number
  readonly epochs: number
  /** Default true. */
  readonly shuffle?: boolean
  /** Of the order and of random ops. Default 0. */
  readonly seed?: number
  /** Leaves out a last batch that is not full. Default false. */
  readonly dropLast?: boolean
  /** What the model is measured on after each epoch: a part of the same data set, or another one. */
  readonly validate?: Partial<SourcePlan> & { readonly batchSize?: number }
  /** `decoded`: images are decoded once, and kept in memory. Values stay the same. */
  readonly cache?: 'decoded'
  /**
   * Keeps in memory what the frozen part of the model gives of each sample, so that it is computed once: as it is, or as
   * float16, which takes half and rounds. The pipeline then draws nothing. Default: it is computed in each step.
   */
  readonly features?: Keeping
  /** Steps from one checkpoint to the next. Default: as often as costs less than 3.5 % of the time. */
  readonly checkpointEvery?: number
  /** Checkpoints that are kept. Default 2. */
  readonly keep?: number
}
export const fitPlan = typed<FitPlan>(
  object({
    dataset: datasetName,
    pipeline: ops,
    split: optional(split),
    batchSize,
    accumulate: optional(integer({ minimum: 1, maximum: 4096 })),
    epochs: integer({ minimum: 1 }),
    shuffle: optional(boolean()),
    seed: optional(whole),
    dropLast: optional(boolean()),
    validate: optional(
      object({ dataset: optional(datasetName), pipeline: optional(ops), split: optional(split), batchSize: optional(batchSize) }),
    ),
    cache: optional(oneOf(['decoded'])),
    features: optional(oneOf(['exact', 'float16'])),
    checkpointEvery: optional(integer({ minimum: 1 })),
    keep: optional(integer({ minimum: 1, maximum: 100 })),
  }),
)

/** Samples to measure a model on. */
export type MeasurePlan = SourcePlan & {
  /** Default 64. */
  readonly batchSize?: number
}
export const measurePlan = typed<MeasurePlan>(
  object({ dataset: datasetName, pipeline: ops, split: optional(split), batchSize: optional(batchSize) }),
)

const ledger = list(object({ name: string(), count: whole, next: whole, digest: string() }))
export const point = object({ step: whole, epoch: whole, next: whole, ledger: optional(ledger) })
export type Point = TypeOf<typeof point>
/** How a training is split: the front of the model is here, the back where this is read. */
export const splitPlan = object({
  /** Tensors of the model where the front ends. */
  cut: list(string(), { minItems: 1, maxItems: 64 }),
  /** Whether targets come with the activations. Default true. */
  labels: optional(boolean()),
})
export type SplitPlan = TypeOf<typeof splitPlan>

/** A step with a batch that the caller brings. */
export const stepPlan = object({
  /** As `start` gave it. */
  session: string({ maxLength: 100 }),
  /** From 1: one more than are made. The same again is done once. */
  step: integer({ minimum: 1 }),
  /** Whether it is on disk before it is acknowledged. Default: checkpoints are made as often as costs less than 3.5 % of the time. */
  save: optional(boolean()),
  /** Names of the classes, in the order of their numbers, where labels are names. */
  classes: optional(list(string())),
})
export type StepPlan = TypeOf<typeof stepPlan>

/** One moment of a training, whole: it goes on from there to the bit. */
export const checkpoint = object({
  /** Steps of the optimizer made. */
  step: whole,
  epoch: whole,
  /** The step of the epoch that comes next. */
  next: whole,
  /** Large tensors, each a content of its own, so that what has not changed costs nothing; small ones together in `rest`. */
  tensors: list(object({ name: string(), shape: list(whole), content: optional(contentRef()) })),
  rest: nullable(contentRef()),
  /** When it was made, ms since 1970. */
  at: whole,
  /** Of a training on several nodes: how many of its samples each member has counted in the epoch. */
  ledger: optional(ledger),
})
export type Checkpoint = TypeOf<typeof checkpoint>

export const statuses = ['new', 'running', 'paused', 'cancelled', 'failed', 'done'] as const
export type Status = (typeof statuses)[number]

/** What is kept of a training, whatever its plan is. */
export const trained = {
  /** The model as it was put, with its first weights: one ONNX file. */
  file: nullable(contentRef()),
  inputs: list(string()),
  spec: nullable(trainerSpec),
  status: oneOf(statuses),
  /** Rises with each beginning: what an earlier job still says is refused. */
  run: whole,
  error: nullable(string()),
  checkpoint: nullable(checkpoint),
  earlier: list(checkpoint),
  /** What `put` found to be trained; none in a state that was put before this was kept. */
  decided: optional(object({ trainable: list(string()), paddingRows: record(whole) })),
  /** Who has it may make steps with batches of its own: drawn by `start`. */
  session: optional(string()),
}
/** What a trainer is, durably. */
export const trainerState = object({ ...trained, plan: nullable(fitPlan) })
export type TrainerState = TypeOf<typeof trainerState>

/** The same of whatever is trained by a plan of epochs. */
export type Trained = Omit<TrainerState, 'plan'> & { plan: { readonly epochs: number; readonly keep?: number } | null }

/** The model and how it is trained, with what `put` decided. @throws `not-found` before they are put */
export const ready = (
  state: DeepReadonly<Pick<Trained, 'file' | 'spec' | 'decided'>>,
): { readonly file: ContentRef; readonly spec: TrainerSpec } => {
  if (state.file === null || state.spec === null) throw failure('not-found', 'the trainer has no model yet: put one')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- held against the schema when it was put
  return { file: state.file as ContentRef, spec: { ...(state.spec as TrainerSpec), ...state.decided } }
}
