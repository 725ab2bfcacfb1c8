import { boolean, integer, list, nullable, object, oneOf, optional, string, type TypeOf, typed } from '../../core/schema.ts'
import { failure } from '../../core/errors.ts'
import { batchSize, type MeasurePlan, measurePlan, ops, split, trained, whole } from '../trainer/spec.ts'
import type { Op, PipelineSpec } from '../pipeline/spec.ts'
import type { Split } from '../dataset/split.ts'

/** A node that has a part of the samples. */
export interface Member {
  /** The site's name: the coordinator's own, or one that its node knows as a peer. */
  readonly site: string
  /** A data set there. */
  readonly dataset: string
  /** Default: the plan's. */
  readonly pipeline?: readonly Op[] | PipelineSpec
  readonly split?: Split
  /** Default `SITE/DATASET`. Give one where that is not unique. */
  readonly name?: string
}
/** At most so many members. */
const MEMBERS = 64
export const member = typed<Member>(
  object({ site: string(), dataset: string(), pipeline: optional(ops), split: optional(split), name: optional(string({ minLength: 1 })) }),
)

export const modes = ['synchronous', 'local'] as const
export const balances = ['speed', 'remaining'] as const

/** What several nodes go through together. */
export type ParallelPlan = {
  readonly members: readonly Member[]
  /** Ops that make batches, at members that name none of their own. */
  readonly pipeline: readonly Op[] | PipelineSpec
  /**
   * `synchronous` (default): each step is one of all members, by the average of their gradients. `local`: members make
   * steps of their own, and then average what these have made of the model.
   */
  readonly mode?: (typeof modes)[number]
  /** Samples of a step: of all members together; in local mode, of each. */
  readonly batchSize: number
  readonly epochs: number
  /** In local mode, steps of the fastest member from one average to the next. Default 16. */
  readonly localSteps?: number
  /**
   * What a member's part of the work goes by. `speed` (default): by how fast it has been. `remaining`: by how many samples it
   * has left in the epoch, which does not depend on clocks, so that training comes to the same bits again.
   */
  readonly balance?: (typeof balances)[number]
  /** Default true: each member goes through its samples in an order of (seed, epoch). */
  readonly shuffle?: boolean
  /** Of orders and random ops. Default 0. */
  readonly seed?: number
  /** Names of the classes that labels are, in the order of their numbers. Needed where the members' data sets differ in them. */
  readonly classes?: readonly string[]
  /** How long the end of an epoch waits for members that are away, in ms. Default 60,000. */
  readonly waitMs?: number
  /** How long a member may take for one step, or one round of local steps, before it counts as gone, in ms. Default 120,000. */
  readonly stepMs?: number
  /** What the model is measured on after each epoch, by the coordinator's node. */
  readonly validate?: MeasurePlan
  /** `decoded`: members decode images once, and keep them in memory. */
  readonly cache?: 'decoded'
  /** Steps from one checkpoint to the next. Default: as often as costs less than 3.5 % of the time. */
  readonly checkpointEvery?: number
  /** Checkpoints that are kept. Default 2. */
  readonly keep?: number
}
const ms = integer({ minimum: 1, maximum: 86_400_000 })
export const parallelPlan = typed<ParallelPlan>(
  object({
    members: list(member, { minItems: 1, maxItems: MEMBERS }),
    pipeline: ops,
    mode: optional(oneOf(modes)),
    batchSize,
    epochs: integer({ minimum: 1 }),
    localSteps: optional(integer({ minimum: 1, maximum: 65_536 })),
    balance: optional(oneOf(balances)),
    shuffle: optional(boolean()),
    seed: optional(whole),
    classes: optional(list(string(), { maxItems: 65_536 })),
    waitMs: optional(ms),
    stepMs: optional(ms),
    validate: optional(measurePlan),
    cache: optional(oneOf(['decoded'])),
    checkpointEvery: optional(integer({ minimum: 1 })),
    keep: optional(integer({ minimum: 1, maximum: 100 })),
  }),
)

export const nameOf = ({ name, site, dataset }: Member): string => name ?? `${site}/${dataset}`

/** @throws `invalid-argument` for two members of one name, or too many */
export const checkMembers = (members: readonly Member[]): void => {
  const names = members.map(nameOf)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw failure('invalid-argument', `two members are named "${twice}": give them a \`name\` each, and samples of their own (\`split\`)`)
  if (members.length > MEMBERS) throw failure('invalid-argument', `${members.length} members; the most is ${MEMBERS}`)
}

/** What a trainer on several nodes is, durably: as a trainer, but for the plan. */
export const parallelState = object({ ...trained, plan: nullable(parallelPlan) })
export type ParallelState = TypeOf<typeof parallelState>
