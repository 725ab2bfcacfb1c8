import { defineObject } from '../../core/define.ts'
import { bytes, integer, list, number, object, optional, record, string, tensor, typed } from '../../core/schema.ts'
import type { Feeds, TrainingTold } from '../../core/self.ts'
import { ops, split, trainerSpec, type TrainerSpec, whole } from '../trainer/spec.ts'
import type { Op, PipelineSpec } from '../pipeline/spec.ts'
import type { Split } from '../dataset/split.ts'

/** A part of the samples, and how it is gone through: what a coordinator opens a model for. */
export interface Shard {
  /** A data set of the member's site. */
  readonly dataset: string
  readonly pipeline: readonly Op[] | PipelineSpec
  readonly split?: Split
  readonly shuffle: boolean
  /** Of the order and of random ops. */
  readonly seed: number
  /** Names of the classes that labels are. Default: the data set's own. */
  readonly classes?: readonly string[]
  readonly cache?: 'decoded'
  /** From which the member's random masks are drawn. */
  readonly maskSeed: number
}
/** What a member tells of its samples: how many, and what stands for their ids; nothing of what they hold. */
export interface ShardDescription {
  readonly count: number
  /** sha256 of the ids, in their order. */
  readonly digest: string
  readonly classes: readonly string[]
}
export interface StepNumbers {
  /** From 1. */
  readonly step: number
  readonly learningRate: number
}
/** Gradients that were averaged over all members, to step by. */
export interface Averaged extends StepNumbers {
  readonly gradients: Feeds
  readonly statistics: Feeds
}
/** Samples by their places in the member's order of an epoch. */
export interface Places {
  readonly epoch: number
  readonly from: number
  readonly count: number
}
export interface StepAsk {
  /** The step before, where the member has not made it yet. */
  readonly apply?: Averaged
  /** Samples to give gradients of, and the draw of their masks. */
  readonly gather?: Places & { readonly draw: number }
}
export interface Gathered {
  readonly told: TrainingTold
  /** What the samples weigh in the mean of a joined batch, by each loss. */
  readonly weights: readonly number[]
  /** Mean over the samples, by parameter. Empty where none of them counts. */
  readonly gradients: Feeds
  /** Running means and variances, as this batch has moved them. */
  readonly statistics: Feeds
  /** Time that it took the member. */
  readonly ms: number
}
export interface RoundAsk {
  /** What the members' models have come to together, where this one does not have it. */
  readonly state?: Feeds
  readonly places: Places
  readonly batchSize: number
  /** One for each step. */
  readonly steps: readonly StepNumbers[]
}
export interface RoundDone {
  readonly told: readonly TrainingTold[]
  readonly state: Feeds
  readonly ms: number
}

const stepNumbers = { step: integer({ minimum: 1 }), learningRate: number({ minimum: 0 }) }
const feeds = record(tensor())
const places = { epoch: whole, from: whole, count: integer({ minimum: 1, maximum: 2 ** 32 }) }
const shard = typed<Shard>(
  object({
    dataset: string(),
    pipeline: ops,
    split: optional(split),
    shuffle: typed({ type: 'boolean' }),
    seed: whole,
    classes: optional(list(string())),
    cache: optional(typed({ enum: ['decoded'] })),
    maskSeed: whole,
  }),
)
const stepAsk = typed<StepAsk>(
  object({
    apply: optional(object({ ...stepNumbers, gradients: feeds, statistics: feeds })),
    gather: optional(object({ ...places, draw: whole })),
  }),
)
const roundAsk = typed<RoundAsk>(
  object({
    state: optional(feeds),
    places: object(places),
    batchSize: integer({ minimum: 1, maximum: 65_536 }),
    steps: list(object(stepNumbers), { minItems: 1, maxItems: 65_536 }),
  }),
)

// Loaded by the host that trains, not by clients that know of the type.
const work = () => import('./member-work.ts')

/**
 * The part of a training on several nodes that is done beside the samples. Its coordinator opens the model here, under a
 * lease, and asks for gradients, or for steps: samples never leave. Each ask of a session has a `turn`, which rises: one
 * that comes again, since its answer was lost, is done once.
 */
export const trainingMember = defineObject({
  name: 'training-member',
  sessions: {
    /**
     * Opens a model in training. What the same key had open here is closed.
     * @param key of the coordinator, and of the member among its own
     * @throws `overloaded` where as many models are trained as the host takes; `not-found`; as `trainer.put` does
     */
    open: async (
      self,
      key: string,
      model: Uint8Array,
      spec: TrainerSpec,
      given: Shard,
    ): Promise<ShardDescription & { readonly session: string }> => (await work()).open(self, key, model, spec, given),
    /** Steps by averaged gradients, then gives those of samples. @throws `session-ended`, `training-diverged`, `bad-sample` */
    step: async (self, session: string, turn: number, ask: StepAsk): Promise<Gathered | null> =>
      (await work()).step(self, session, turn, ask),
    /** Makes steps by itself, and gives the state that they lead to. @throws as `step` does */
    round: async (self, session: string, turn: number, ask: RoundAsk): Promise<RoundDone> => (await work()).round(self, session, turn, ask),
    /** Takes a state in place of its own. @returns its sha256, as `digest` gives it */
    restore: async (self, session: string, turn: number, state: Feeds): Promise<string> =>
      (await work()).restore(self, session, turn, state),
    /** sha256 of the state: that of all members is the same after a step. */
    digest: async (self, session: string): Promise<string> => (await work()).digest(self, session),
    close: async (self, session: string): Promise<void> => (await work()).close(self, session),
  },
  arguments: {
    open: [string({ maxLength: 1000 }), bytes(), trainerSpec, shard],
    step: [string(), whole, stepAsk],
    round: [string(), whole, roundAsk],
    restore: [string(), whole, feeds],
    digest: [string()],
    close: [string()],
  },
  // `open` gives the session by which the others are called.
  internal: ['step', 'round', 'restore', 'digest', 'close'],
})
