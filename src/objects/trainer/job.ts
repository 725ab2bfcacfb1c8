import type { BatchData } from '../../core/batch.ts'
import { abortedBy } from '../../core/errors.ts'
import type { Feeds, MovableSelf, Training } from '../../core/self.ts'
import { learningRateAfter } from '../../training/schedule.ts'
import type { Sample } from '../dataset/sample.ts'
import { planEpoch } from '../loader/plan.ts'
import { prefetching } from '../loader/prefetching.ts'
import { preprocess } from '../pipeline/pipeline.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'
import type { Features } from './features.ts'
import { type FeedRule, feedsOf } from './feeds.ts'
import { Journal, type Measured, type Progress, type Recorder } from './journal.ts'
import { orderOf } from './order.ts'
import type { Checkpoint, FitPlan, TrainerSpec } from './spec.ts'
import { partsOf, stepBy } from './steps.ts'

export type { Measured, Progress, Recorder } from './journal.ts'

/** Samples and how they become batches. */
export interface Source {
  readonly samples: readonly Sample[]
  readonly spec: PipelineSpec
  readonly rule: FeedRule
  /** What the frozen part of the model gives of each sample, in their order, where that is kept. */
  readonly features?: { readonly of: Features; readonly placeOf: ReadonlyMap<Sample, number> }
}
export interface JobInput {
  readonly plan: FitPlan
  readonly spec: TrainerSpec
  readonly source: Source
  readonly validate?: Source & { readonly batchSize: number }
  readonly from: Pick<Checkpoint, 'step' | 'epoch' | 'next'>
  readonly training: Training
  /** Names the work of a step for the policy's estimators. */
  readonly stepKey: string
}
/** Batches that are made while one is trained on. */
export const AHEAD = 2

export const batchOf = async (
  self: MovableSelf,
  source: Source,
  chosen: readonly Sample[],
  key: { seed: number; epoch: number },
  cache: FitPlan['cache'],
) => {
  const { features } = source
  if (features !== undefined)
    return feedsOf(features.of.rows(chosen.map((sample) => features.placeOf.get(sample) ?? 0)), chosen, source.rule)
  const data: BatchData = await preprocess(
    self,
    source.spec,
    chosen.map(({ label: _, ...sample }) => sample),
    key,
    cache === undefined ? {} : { cache },
  )
  return feedsOf(data, chosen, source.rule)
}

/** The model as it is now on all samples of a source: means by samples, or by what counted. */
export const measure = async (
  self: MovableSelf,
  training: Pick<Training, 'evaluate'>,
  source: Source & { readonly batchSize: number },
): Promise<Measured> => {
  const batches = await planEpoch(source.samples, { batchSize: source.batchSize }, 0)
  const made = prefetching(batches.length, AHEAD, (index) => batchOf(self, source, batches[index] ?? [], { seed: 0, epoch: 0 }, undefined))
  let [loss, weight, correct, counted, at] = [0, 0, 0, 0, 0]
  for await (const feeds of made) {
    const told = await training.evaluate(feeds)
    const size = told.counted ?? batches[at]?.length ?? 0
    loss += told.loss * size
    weight += size
    correct += told.correct ?? 0
    counted += told.counted ?? 0
    at++
  }
  return { loss: loss / weight, samples: source.samples.length, ...(counted > 0 && { accuracy: correct / counted }) }
}

/**
 * Goes through a plan from a point on: steps, reports, checkpoints. Nothing but the plan, the samples and the point
 * decides what it computes: when it reports, or makes checkpoints, changes no bit of it.
 */
export async function* runJob(
  self: MovableSelf,
  { plan, spec, source, validate, from, training, stepKey }: JobInput,
  recorder: Recorder,
): AsyncGenerator<Progress> {
  const { samples } = source
  const { accumulate = 1, batchSize } = plan
  const gathering = { losses: source.rule.losses, accumulate }
  const { seed, steps, inEpoch } = orderOf(samples, plan)
  const journal = new Journal({ plan, recorder, training, step: from.step })
  let learningRate = 0

  for (let { epoch } = from; epoch < plan.epochs; epoch++) {
    const chosen = await inEpoch(epoch)
    const first = epoch === from.epoch ? from.next : 0
    const batches = chosen.slice(first).flatMap((step) => partsOf(step, batchSize))
    const feeds = prefetching(batches.length, AHEAD, (at) => batchOf(self, source, batches[at] ?? [], { seed, epoch }, plan.cache))
    let index = first
    let together: Feeds[] = []
    for await (const batch of feeds) {
      together.push(batch)
      const size = chosen[index]?.length ?? 0
      if (together.length * batchSize < size) continue
      if (self.signal.aborted) throw abortedBy(self.signal)
      journal.sound()
      learningRate = learningRateAfter(spec, journal.step)
      const at = { step: journal.step + 1, learningRate }
      const parts = together
      const told = await self.stage(stepKey, 1, () => stepBy(training, parts, at, gathering))
      together = []
      index++
      journal.add(told, size)
      const { step } = journal
      const point = index < chosen.length ? { step, epoch, next: index } : { step, epoch: epoch + 1, next: 0 }
      await journal.saveWhenDue(point)
      if (journal.reportDue && index < chosen.length) yield await journal.report({ epoch, steps, learningRate })
      if (journal.status !== 'running') {
        await journal.saveNow(point)
        yield await journal.report({ epoch, steps, learningRate })
        return
      }
    }
    const validation = validate === undefined ? undefined : await measure(self, training, validate)
    if (epoch === plan.epochs - 1) {
      await journal.saveNow({ step: journal.step, epoch: epoch + 1, next: 0 })
      await recorder.finish()
      journal.status = 'done'
    }
    yield await journal.report({ epoch, steps, learningRate }, validation)
  }
}
