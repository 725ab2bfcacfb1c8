import type { BatchData } from '../../core/batch.ts'
import { abortedBy, failure } from '../../core/errors.ts'
import type { MovableSelf, Training } from '../../core/self.ts'
import type { Tensor } from '../../core/tensor.ts'
import { rateAt } from '../../training/schedule.ts'
import type { Sample } from '../dataset/sample.ts'
import { batchesIn, planEpoch } from '../loader/plan.ts'
import { prefetching } from '../loader/prefetching.ts'
import { preprocess } from '../pipeline/pipeline.ts'
import type { PipelineSpec } from '../pipeline/spec.ts'
import { Interval } from './checkpoints.ts'
import type { Features } from './features.ts'
import { type FeedRule, feedsOf } from './feeds.ts'
import type { Checkpoint, FitPlan, Status, TrainerSpec } from './spec.ts'

/** How far a training has come. */
export interface Progress {
  readonly status: Status
  /** Steps of the optimizer made, and those of the whole plan. */
  readonly step: number
  readonly steps: number
  readonly epoch: number
  readonly epochs: number
  /** Mean over what was trained since the last report; of each step, in `losses`. */
  readonly loss: number
  readonly losses: readonly number[]
  /** The share of right classes since the last report. */
  readonly accuracy?: number
  readonly learningRate: number
  readonly samplesPerSecond: number
  /** Until the plan is done. */
  readonly etaMs: number
  /** After an epoch: on what the plan validates with. */
  readonly validation?: Measured
  /** The step of the last checkpoint on disk; 0 before the first. */
  readonly checkpoint: number
}
export interface Measured {
  readonly loss: number
  readonly accuracy?: number
  readonly samples: number
}

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
}
/** The trainer's own turns, as its job makes them. Each throws `fenced` when the job is no longer the one that counts. */
export interface Recorder {
  /** The plan is done. */
  finish(): Promise<void>
  /** Keeps the losses of steps, the first of which is `first`. @returns what the trainer is to do */
  record(first: number, losses: readonly number[]): Promise<Status>
  checkpoint(point: Pick<Checkpoint, 'step' | 'epoch' | 'next'>, state: ReadonlyMap<string, Tensor>, first: number, losses: readonly number[]): Promise<Status> // prettier-ignore
}

const REPORT_MS = 500
/** Batches that are made while one is trained on. */
const AHEAD = 2

export const batchOf = async (
  self: MovableSelf,
  source: Source,
  chosen: readonly Sample[],
  key: { seed: number; epoch: number },
  cache: FitPlan['cache'],
) => {
  const labels = chosen.map(({ label }) => label)
  const { features } = source
  if (features !== undefined)
    return feedsOf(features.of.rows(chosen.map((sample) => features.placeOf.get(sample) ?? 0)), labels, source.rule)
  const data: BatchData = await preprocess(
    self,
    source.spec,
    chosen.map(({ label: _, ...sample }) => sample),
    key,
    cache === undefined ? {} : { cache },
  )
  return feedsOf(data, labels, source.rule)
}

/** The model as it is now on all samples of a source: means by samples, or by what counted. */
export const measure = async (
  self: MovableSelf,
  training: Pick<Training, 'evaluate'>,
  source: Source & { readonly batchSize: number },
): Promise<Measured> => {
  const batches = planEpoch(source.samples, { batchSize: source.batchSize }, 0)
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
  { plan, spec, source, validate, from, training }: JobInput,
  recorder: Recorder,
): AsyncGenerator<Progress> {
  const { samples } = source
  const order = { batchSize: plan.batchSize, shuffle: plan.shuffle ?? true, seed: plan.seed ?? 0, dropLast: plan.dropLast ?? false }
  const inEpoch = batchesIn(samples.length, order)
  if (inEpoch === 0) throw failure('invalid-argument', `the data set gives ${samples.length} samples, which is no batch of ${plan.batchSize}: name another part of it, or a smaller batch`) // prettier-ignore
  const steps = inEpoch * plan.epochs
  const schedule = spec.schedule ?? { kind: 'constant' }
  const interval = new Interval(performance.now())
  let { step } = from
  let status: Status = 'running'
  let kept = from.step
  let saving: Promise<void> | undefined
  const failures: unknown[] = []
  const sound = () => {
    if (failures.length > 0) throw failures[0]
  }
  let losses: number[] = []
  let [correct, counted, since, made] = [0, 0, performance.now(), 0]
  let rate = 0

  const take = () => {
    const taken = losses
    losses = []
    return taken
  }
  /** The step waits for the copy; what is done with it goes on beside the next ones. */
  const save = async (point: Pick<Checkpoint, 'step' | 'epoch' | 'next'>): Promise<void> => {
    const began = performance.now()
    const state = await training.state()
    const taken = take()
    saving = recorder
      .checkpoint(point, state, point.step - taken.length + 1, taken)
      .then((answer) => {
        if (status === 'running') status = answer
        kept = point.step
        interval.took(performance.now() - began, performance.now())
      })
      .catch((error: unknown) => void failures.push(error))
      .finally(() => (saving = undefined))
  }
  /** @param until when the last step was made: measuring is no training, and counts for no rate of it */
  const report = async (epoch: number, seen: readonly number[], until: number, validation?: Measured): Promise<Progress> => {
    const pending = take()
    const answer = await recorder.record(step - pending.length + 1, pending)
    if (status === 'running') status = answer
    const ms = until - since
    const shown: Progress = {
      status,
      step,
      steps,
      epoch,
      epochs: plan.epochs,
      loss: seen.reduce((sum, loss) => sum + loss, 0) / Math.max(1, seen.length),
      losses: seen,
      ...(counted > 0 && { accuracy: correct / counted }),
      learningRate: rate,
      samplesPerSecond: (made * 1000) / Math.max(1, ms),
      etaMs: seen.length === 0 ? 0 : Math.round((ms / seen.length) * (steps - step)),
      ...(validation !== undefined && { validation }),
      checkpoint: kept,
    }
    ;[correct, counted, since, made] = [0, 0, performance.now(), 0]
    return shown
  }

  for (let { epoch } = from; epoch < plan.epochs; epoch++) {
    const batches = planEpoch(samples, order, epoch)
    const first = epoch === from.epoch ? from.next : 0
    let seen: number[] = []
    const feeds = prefetching(batches.length - first, AHEAD, (index) =>
      batchOf(self, source, batches[first + index] ?? [], { seed: order.seed, epoch }, plan.cache),
    )
    let index = first
    for await (const batch of feeds) {
      if (self.signal.aborted) throw abortedBy(self.signal)
      sound()
      rate = spec.learningRate * rateAt(schedule, step)
      const told = await training.step(batch, { step: step + 1, learningRate: rate })
      step++
      index++
      losses.push(told.loss)
      seen.push(told.loss)
      correct += told.correct ?? 0
      counted += told.counted ?? 0
      made += batches[index - 1]?.length ?? 0
      const point = index < batches.length ? { step, epoch, next: index } : { step, epoch: epoch + 1, next: 0 }
      const due = plan.checkpointEvery === undefined ? interval.due(performance.now()) : step % plan.checkpointEvery === 0
      if (due && (saving === undefined || plan.checkpointEvery !== undefined)) {
        await saving
        await save(point)
      }
      if (performance.now() - since >= REPORT_MS && index < batches.length) {
        yield await report(epoch, seen, performance.now())
        seen = []
      }
      if (status !== 'running') {
        await saving
        if (kept !== step) await save(point)
        await saving
        sound()
        yield await report(epoch, seen, performance.now())
        return
      }
    }
    const until = performance.now()
    const validation = validate === undefined ? undefined : await measure(self, training, validate)
    if (epoch === plan.epochs - 1) {
      await saving
      if (kept !== step) await save({ step, epoch: epoch + 1, next: 0 })
      await saving
      sound()
      await recorder.finish()
      status = 'done'
    }
    yield await report(epoch, seen, until, validation)
  }
}
