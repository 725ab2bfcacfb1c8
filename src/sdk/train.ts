import { createHash } from 'node:crypto'
import { monotonicNow } from '../core/clock.ts'
import { failure } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import type { ObjectRef } from '../core/object-ref.ts'
import { type Place, type Remote, remoteOf } from '../core/remote.ts'
import type { CallReport, Transport } from '../core/transport.ts'
import type { dataset as datasetType } from '../objects/dataset/dataset.ts'
import type { Progress } from '../objects/trainer/job.ts'
import type { FitPlan, TrainerSpec } from '../objects/trainer/spec.ts'
import { trainer as trainerType } from '../objects/trainer/trainer.ts'
import type { TrainerStatus } from '../objects/trainer/turns.ts'
import type { Decision, Policy } from '../policy/types.ts'
import type { DecisionLog } from './decision-log.ts'
import { siteAt } from './placer.ts'
import type { Site } from './site.ts'
import { StreamWatch } from './stream-figures.ts'
import { planAt, reaches, trainingData, withReferences } from './training-data.ts'
import { placeTraining, type Placing, worthAnotherSite } from './training-figures.ts'

export interface TrainOptions {
  /** The trainer's name, at the site where it comes to be. What a trainer of that name held there is forgotten. */
  readonly name: string
  /** An ONNX file with all its tensors inside. */
  readonly model: Uint8Array
  readonly trainer: TrainerSpec
  /** A data set's name is one at the home of this client's objects: the near node as a rule. */
  readonly fit: FitPlan
  /** Overrides the policy: a role, or a site's name. */
  readonly place?: Place
  /** Ends the placing and the training. */
  readonly signal?: AbortSignal
}

/**
 * A training that has begun at its site, and stays there. Iterating it does the work and reports, once; when the reader
 * leaves, it stops, and `trainer.resume` goes on.
 */
export interface TrainingJob extends AsyncIterable<Progress> {
  readonly site: string
  /** Why there, with the figures; undefined where `place` said so. */
  readonly decision: Decision | undefined
  /** The trainer itself: `pause`, `curve`, `evaluate`, `predict`. */
  readonly trainer: Remote<typeof trainerType>
  status(): Promise<TrainerStatus>
  /** The model with the weights of the last checkpoint, as an ONNX file. */
  export(): Promise<Uint8Array>
}

/** What training needs of its client. */
export interface TrainContext {
  readonly sites: ReadonlyMap<SiteName, Site>
  readonly policy: Policy
  readonly log: DecisionLog
  readonly home: Site
  /** Bytes of fetched content that this process keeps; other sites are taken to keep as many. */
  readonly keptBytes: number
  readonly at: (site: Site) => Transport
  readonly object: (type: typeof datasetType, ref: ObjectRef) => Remote<typeof datasetType>
}

/** A call of minutes: a large model on a slow link. A training takes what it takes; timers end at 2^31 ms. */
const CALL_MS = 15 * 60_000
const LONG_MS = 20 * 86_400_000

/** Places a training and begins it. */
export const train = async (context: TrainContext, options: TrainOptions): Promise<TrainingJob> => {
  const { name, model, trainer, signal, place } = options
  const { sites, policy, log, at } = context
  const fit = withReferences(options.fit, context.home.name)
  const data = await trainingData(fit, context.object, context.keptBytes)
  const able = [...sites.values()].filter((site) => reaches(site, data.homes))
  const unable = [...sites.values()].filter((site) => !able.includes(site))

  const remoteAt = (site: Site, timeoutMs: number, onReport?: (report: CallReport) => void) =>
    remoteOf(trainerType, name, () => site.transport, {
      timeoutMs,
      ...(onReport !== undefined && { onReport }),
      ...(signal !== undefined && { signal }),
    })
  const begunAt = async (site: Site): Promise<number> => {
    const remote = remoteAt(site, CALL_MS)
    await remote.put(model, trainer)
    return remote.fit(planAt(fit, site.name))
  }
  const jobAt = (site: Site, run: number, placing: Placing | undefined): TrainingJob => {
    const remote = remoteAt(site, CALL_MS)
    return {
      site: site.name,
      decision: placing?.decision,
      trainer: remote,
      status: () => remote.status(),
      export: () => remote.export(),
      async *[Symbol.asyncIterator]() {
        const reports: CallReport[] = []
        const watch = new StreamWatch(monotonicNow)
        let last: Progress | undefined
        let problem: unknown
        try {
          for await (const report of watch.read(remoteAt(site, LONG_MS, (made) => reports.push(made)).run(run))) {
            last = report
            yield report
          }
        } catch (error) {
          problem = error
          throw error
        } finally {
          if (last?.status === 'done') for (const { hash, bytes } of data.inputs) if (bytes <= context.keptBytes) site.known.add(hash)
          if (placing !== undefined) {
            const outcome = { reports, totalMs: watch.waitedMs, failed: problem !== undefined }
            log.add('trainer.fit', placing.decision, outcome, [site.name], watch.figures)
            // What was stopped, or cannot be trained anywhere, tells nothing of the site.
            if (last?.status === 'done' || worthAnotherSite(problem))
              policy.observe(placing.view, { ...placing.decision, sites: [site.name] }, outcome)
          }
        }
      },
    }
  }

  if (place !== undefined) {
    const site = siteAt(sites, place)
    if (unable.includes(site)) throw cannotFetch(site, data.homes)
    return jobAt(site, await begunAt(site), undefined)
  }
  if (able.length === 0) throw cannotFetch(context.home, data.homes)
  const fileHash = createHash('sha256').update(model).digest('hex')
  const decide: Policy['decide'] = (view, views) => policy.decide(view, views)
  const placing = await placeTraining({ model, fileHash, trainer, fit, data }, able, decide, at, signal)
  const notes = unable.map((site) => `${site.name} cannot fetch the data: start it with --peer`)
  let placed: Placing = { ...placing, decision: { ...placing.decision, because: [placing.decision.because, ...notes].join('; ') } }
  const choices = [...new Set([...placed.decision.sites, ...placed.decision.fallbacks])]
  let last: unknown
  for (const choice of choices) {
    const site = siteAt(sites, choice)
    const began = monotonicNow()
    try {
      return jobAt(site, await begunAt(site), placed)
    } catch (error) {
      if (!worthAnotherSite(error)) throw error
      last = error
      const { decision } = placed
      log.add('trainer.fit', decision, { reports: [], totalMs: monotonicNow() - began, failed: true }, [site.name])
      placed = { ...placed, decision: { ...decision, because: `${decision.because}; ${site.name} did not begin it: ${error.text}` } }
    }
  }
  throw last
}

const cannotFetch = (site: Site, homes: ReadonlySet<SiteName>) =>
  failure(
    'invalid-argument',
    `${site.name} cannot fetch the data, which is at ${[...homes].join(', ')}: start it with --peer ${[...homes][0]}=ADDRESS, or train elsewhere`,
  )
