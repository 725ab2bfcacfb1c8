import { createHash } from 'node:crypto'
import { type ContentHash, contentHash, LOCAL, type SiteName } from '../core/ids.ts'
import { ObjectRef } from '../core/object-ref.ts'
import type { Remote } from '../core/remote.ts'
import { dataset as datasetType, type Sample } from '../objects/dataset/dataset.ts'
import type { Split } from '../objects/dataset/split.ts'
import { batchesIn } from '../objects/loader/plan.ts'
import { rangeOf, samplesOf } from '../objects/loader/samples.ts'
import { specOf } from '../objects/pipeline/spec.ts'
import type { FitPlan } from '../objects/trainer/spec.ts'
import type { StageInput } from '../policy/types.ts'
import type { Site } from './site.ts'

/** What a training reads, as far as its placement depends on it. */
export interface TrainingData {
  /** One input for each data set: all of it that the plan uses. */
  readonly inputs: readonly StageInput[]
  /** The sites where data sets of the plan are. */
  readonly homes: ReadonlySet<SiteName>
  /** Steps of the optimizer in the whole plan; of a time series without labels a guess from below. */
  readonly steps: number
  /** Some samples to try steps on, whose content is small together, and the names of their classes. */
  some(): Promise<{ readonly samples: readonly Sample[]; readonly classes: readonly string[] }>
}

/** An entry of a list of samples, on the wire: id, hash, place, label. */
const ENTRY_BYTES = 192
/** As much content is moved for trying steps, and as many batches, at the most; but one batch. */
const TRIED_BYTES = 1024 ** 2
const TRIED_BATCHES = 9

const shareOf = (split: Split | undefined): number => (split === undefined ? 1 : split.part === 'test' ? split.test : 1 - split.test)

/** A name for all of a data set as it is now, as if it were one piece of content. */
const wholeHash = ({ home, id }: ObjectRef, version: number): ContentHash =>
  contentHash(createHash('sha256').update(`dataset ${home}/${id} ${version}`).digest('hex'))

const same = (a: ObjectRef, b: ObjectRef) => a.id === b.id && a.home === b.home

/** A plan whose data sets are references: a name means the client's own home of objects. */
export const withReferences = (plan: FitPlan, home: SiteName): FitPlan & { readonly dataset: ObjectRef } => {
  const refOf = (given: string | ObjectRef) => (given instanceof ObjectRef ? given : new ObjectRef(datasetType.name, given, home))
  const { validate } = plan
  return {
    ...plan,
    dataset: refOf(plan.dataset),
    ...(validate !== undefined && { validate: { ...validate, ...(validate.dataset !== undefined && { dataset: refOf(validate.dataset) }) } }), // prettier-ignore
  }
}

/** @param keptBytes of fetched content that a site keeps: what is larger is fetched again in each epoch */
export const trainingData = async (
  plan: FitPlan & { readonly dataset: ObjectRef },
  object: (type: typeof datasetType, ref: ObjectRef) => Remote<typeof datasetType>,
  keptBytes: number,
): Promise<TrainingData> => {
  const set = object(datasetType, plan.dataset)
  const spec = specOf(plan.pipeline)
  const about = await set.describe()
  const { window, split } = rangeOf(spec, plan.split)
  // Windows are far more than the series that they are cut from: labels tell how many.
  const windows = window === undefined ? undefined : (await set.labels({ window, ...(split !== undefined && { split }) })).reduce((sum, { count }) => sum + count, 0) // prettier-ignore
  const count = Math.max(1, Math.round(windows === undefined || windows === 0 ? about.count * shareOf(plan.split) : windows))

  const validated = plan.validate?.dataset
  const validation = validated instanceof ObjectRef && !same(validated, plan.dataset) ? validated : undefined
  const ownShare = shareOf(plan.split) + (plan.validate !== undefined && validation === undefined ? shareOf(plan.validate.split) : 0)
  const used = [{ ref: plan.dataset, about, share: Math.min(1, ownShare) }]
  if (validation !== undefined)
    used.push({ ref: validation, about: await object(datasetType, validation).describe(), share: shareOf(plan.validate?.split) })
  const inputs = used.map(({ ref, about: { bytes, count: all, version }, share }) => {
    const once = Math.round((bytes + all * ENTRY_BYTES) * share)
    return { hash: wholeHash(ref, version), bytes: bytes > keptBytes ? once * plan.epochs : once, home: ref.home }
  })
  return {
    inputs,
    homes: new Set(used.map(({ ref }) => ref.home)),
    steps: Math.max(1, batchesIn(count, plan)) * plan.epochs,
    async some() {
      const each = (about.bytes / Math.max(1, about.count)) * plan.batchSize
      const batches = Math.min(TRIED_BATCHES, Math.max(1, Math.floor(TRIED_BYTES / Math.max(1, each))))
      const found = await samplesOf(set, spec, plan.split, batches * plan.batchSize)
      // As a training does where the data set names none.
      const names = [...new Set(found.flatMap(({ label }) => (typeof label === 'string' ? [label] : [])))].sort()
      return { samples: found, classes: about.classes ?? names }
    },
  }
}

/** The plan as a site takes it: what it has itself goes by its name. */
export const planAt = (plan: FitPlan, site: SiteName): FitPlan => {
  const asTold = (given: string | ObjectRef) => (given instanceof ObjectRef && given.home === site ? String(given.id) : given)
  const { validate } = plan
  return {
    ...plan,
    dataset: asTold(plan.dataset),
    ...(validate !== undefined && { validate: { ...validate, ...(validate.dataset !== undefined && { dataset: asTold(validate.dataset) }) } }), // prettier-ignore
  }
}

/** Whether a site can come by data of these homes. */
export const reaches = ({ name, role, description }: Site, homes: ReadonlySet<SiteName>): boolean =>
  [...homes].every((home) => home === name || (home !== LOCAL && (role === 'local' || description?.peers.includes(home) === true)))
