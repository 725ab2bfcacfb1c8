import { ActiveStorageError, codes, isActiveStorageError } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import { remoteOf } from '../core/remote.ts'
import type { CallReport, Transport } from '../core/transport.ts'
import { stepKey } from '../objects/trainer/probe-plan.ts'
import type { FitPlan, TrainerSpec } from '../objects/trainer/spec.ts'
import { trainer } from '../objects/trainer/trainer.ts'
import type { CallView, Decision, MeasuredStage, SiteView } from '../policy/types.ts'
import type { Site } from './site.ts'
import type { TrainingData } from './training-data.ts'

/** A training to place. */
export interface ToPlace {
  readonly model: Uint8Array
  readonly fileHash: string
  readonly trainer: TrainerSpec
  readonly fit: FitPlan
  readonly data: TrainingData
}

/** The most that trying some steps may take at one site, model and samples on their way included. */
const PROBE_MS = 120_000
/** A fetch smaller than this says more of the round trip than of the rate: it counts where nothing else is known. */
const TELLING_BYTES = 64 * 1024

/** A training as one stage, whose unit is the step. */
export const viewOf = (
  { model, fileHash, trainer: spec, fit, data }: ToPlace,
  measured: ReadonlyMap<SiteName, MeasuredStage>,
): CallView => ({
  type: trainer.name,
  method: 'fit',
  // The model goes there with the plan, and comes back.
  stages: [{ key: stepKey(fileHash, spec, fit), units: data.steps, inputs: data.inputs, resultBytes: model.byteLength, measured }],
  argumentBytes: model.byteLength,
  budgetMs: undefined,
  once: true,
})

/** A site at this moment. A way down that was never measured is taken to be as fast as the way up. */
export const seenNow = ({ view }: Site): SiteView => ({ ...view, downBytesPerMs: view.downBytesPerMs ?? view.upBytesPerMs })

/** Whether another site may do what this one has refused. */
export const worthAnotherSite = (error: unknown): error is ActiveStorageError =>
  isActiveStorageError(error) && codes[error.code].retry !== 'never'

export interface Placing {
  readonly decision: Decision
  readonly view: CallView
}

/**
 * Decides where to train. Where the cost model is asked, a few steps are tried at each site first, beginning with the
 * home of the data; but not where moving the data would alone take longer than the best known place takes in all.
 * @param at the transport of a site
 */
export const placeTraining = async (
  toPlace: ToPlace,
  candidates: readonly Site[],
  decide: (view: CallView, sites: readonly SiteView[]) => Decision,
  at: (site: Site) => Transport,
  signal: AbortSignal | undefined,
): Promise<Placing> => {
  const measured = new Map<SiteName, MeasuredStage>()
  const trouble: string[] = []
  let left = candidates
  const decided = (): Placing => {
    const view = viewOf(toPlace, measured)
    return { view, decision: decide(view, left.map(seenNow)) }
  }
  let placing = decided()
  const { rule, strategy } = placing.decision
  if (rule !== undefined || strategy !== 'cost-model' || candidates.length < 2) return placing

  const { samples, classes } = await toPlace.data.some()
  const atHome = ({ name }: Site) => (toPlace.data.homes.has(name) ? 0 : 1)
  for (const site of candidates.toSorted((a, b) => atHome(a) - atHome(b))) {
    if (!hopeful(placing.decision, site.name)) continue
    try {
      const { stepMs, fetchMsPerByte } = await tried(toPlace, at(site), samples, classes, signal)
      const farHomes = candidates.filter(({ name }) => name !== site.name && toPlace.data.homes.has(name))
      const linkKnown = farHomes.every((home) => seenNow(home).downBytesPerMs !== undefined)
      measured.set(site.name, { msPerUnit: stepMs, msPerByte: fetchMsPerByte(linkKnown ? TELLING_BYTES : 1) })
    } catch (error) {
      // What no site could train is for the caller to hear of now.
      if (!worthAnotherSite(error)) throw error
      trouble.push(`${site.name} is left out: ${error.text}`)
      if (left.length > 1) left = left.filter((other) => other !== site)
    }
    placing = decided()
  }
  const because = [placing.decision.because, ...trouble].join('; ')
  return { ...placing, decision: { ...placing.decision, because } }
}

/** Whether a site could win if it computed in no time. */
const hopeful = ({ options }: Decision, name: SiteName): boolean => {
  const best = Math.min(...options.map(({ predictedMs }) => predictedMs ?? Number.POSITIVE_INFINITY))
  const parts = options.find(({ sites }) => sites[0] === name)?.parts
  return parts === undefined || parts.move + parts.roundTrip + parts.result < best
}

const tried = async (
  { model, trainer: spec, fit }: ToPlace,
  transport: Transport,
  samples: Awaited<ReturnType<TrainingData['some']>>['samples'],
  classes: readonly string[],
  signal: AbortSignal | undefined,
) => {
  let fetched = 0
  const onReport = (report: CallReport) => (fetched = report.bytesFetched)
  const remote = remoteOf(trainer, 'main', () => transport, { timeoutMs: PROBE_MS, onReport, ...(signal !== undefined && { signal }) })
  const { pipeline, batchSize, cache } = fit
  const { stepMs, contentMs } = await remote.probe(model, spec, { pipeline, batchSize, classes, ...(cache !== undefined && { cache }) }, samples) // prettier-ignore
  return { stepMs, fetchMsPerByte: (least: number) => (fetched >= least ? contentMs / fetched : undefined) }
}
