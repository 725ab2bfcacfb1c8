import type { DeepReadonly, ReadonlySelf } from '../../core/self.ts'
import { eachSliced } from '../../core/slices.ts'
import { dataset, type Sample } from '../dataset/dataset.ts'
import { samplesOf } from '../loader/samples.ts'
import { specOf } from '../pipeline/spec.ts'
import { readGraph } from '../../graph/read.ts'
import { writeGraph } from '../../graph/write.ts'
import { splitFrozen } from '../../training/frozen.ts'
import { checkRepeats, featuresOf, type Keeping } from './features.ts'
import { inputOf, lossesOf } from './feeds.ts'
import { batchOf, type Source } from './job.ts'
import { type FitPlan, ready, type SourcePlan, type TrainerSpec, type TrainerState } from './spec.ts'

/** The samples of a plan and how they become batches. */
export const sourceOf = async (
  self: Pick<ReadonlySelf<unknown>, 'object'>,
  { inputs, spec }: { readonly inputs: readonly string[]; readonly spec: Pick<TrainerSpec, 'input' | 'loss'> },
  plan: SourcePlan,
): Promise<Source> => {
  const set = self.object(dataset, plan.dataset)
  const ops = specOf(plan.pipeline)
  const [{ classes = [] }, samples] = await Promise.all([set.describe(), samplesOf(set, ops, plan.split)])
  const found = new Set<string>()
  if (classes.length === 0)
    await eachSliced(samples, ({ label }) => {
      if (typeof label === 'string') found.add(label)
    })
  const named = classes.length > 0 ? classes : [...found].sort()
  return { samples, spec: ops, rule: { input: inputOf(inputs, spec.input), losses: lossesOf(spec), classes: named } }
}

const placesOf = async (samples: readonly Sample[]): Promise<ReadonlyMap<Sample, number>> => {
  const places = new Map<Sample, number>()
  await eachSliced(samples, (sample, place) => places.set(sample, place))
  return places
}

/** The part of the model that is trained, and what makes sources of features for it. */
export const keptFeatures = async (
  self: ReadonlySelf<TrainerState>,
  state: DeepReadonly<TrainerState>,
  keeping: Keeping,
  cache: FitPlan['cache'],
) => {
  const { file, spec } = ready(state)
  const { backbone, head, at } = splitFrozen(readGraph(await self.content.read(file, self.signal)).graph, spec.trainable)
  const kept = { file: await self.content.keepLarge(writeGraph({ graph: backbone })), at }
  return {
    head: writeGraph({ graph: head }),
    async of<S extends Source>(source: S): Promise<S> {
      checkRepeats(source.spec)
      const { samples } = source
      // The losses take nothing of the backbone's own batches.
      const bare = { ...source, rule: { ...source.rule, losses: [] } }
      const batchAt = (places: readonly number[]) =>
        batchOf(
          self,
          bare,
          places.flatMap((place) => samples[place] ?? []),
          { seed: 0, epoch: 0 },
          cache,
        )
      const of = await featuresOf(self, kept, samples.length, batchAt, keeping)
      return { ...source, features: { of, placeOf: await placesOf(samples) } }
    },
  }
}
