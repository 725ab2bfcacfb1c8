import type { SiteName } from '../core/ids.ts'
import type { PolicyDocument } from './document.ts'
import { bounded, Estimators, type Knowledge, stageTimes } from './estimators.ts'
import { type Exploring, trialFor } from './explore.ts'
import { formatBytes, formatMs } from './figures.ts'
import { CallMemory, Trials } from './memory.ts'
import { planInWords, planKeyOf, sitesOf } from './plan.ts'
import { optionOf, price, type Priced } from './predict.ts'
import { Queues } from './queues.ts'
import { cheapest, keepOrSwitch, type Verdict } from './switching.ts'
import type { CallView, Decision, Option, Outcome, SiteView, StageView } from './types.ts'

/** A placement with its reason, before it becomes a decision. */
export interface Choice {
  readonly sites: readonly SiteName[]
  readonly because: string
  readonly options: readonly Option[]
  /** The key of the chosen plan where this is a trial. */
  readonly trial: { readonly exploring: Exploring; readonly bestMs: number } | undefined
}

/** Names a kind of call. */
const callKey = (call: CallView): string => `${call.type}.${call.method} ${call.stages.map(({ key }) => key).join(' ')}`

/** Predicts, chooses, and learns. One for each client. */
export class CostModel {
  readonly #estimators: Estimators
  readonly #queues = new Queues()
  readonly #calls = new Map<string, CallMemory>()
  readonly #trials = new Trials()

  constructor(estimators: Estimators = new Estimators()) {
    this.#estimators = estimators
  }

  get known(): Knowledge {
    return this.#estimators
  }

  /** Every plan with its price, in no order. */
  options(call: CallView, sites: readonly SiteView[]): readonly Priced[] {
    const memory = this.#memory(call)
    const overhead = (key: string) => (call.once === true ? undefined : memory.overhead(key))
    return price(call, sites, { known: this.#estimators, queues: this.#queues, overhead })
  }

  choose(call: CallView, sites: readonly SiteView[], document: PolicyDocument, decision: number): Choice {
    const memory = this.#memory(call)
    memory.now++
    const up = sites.filter(({ up }) => up)
    const all = this.options(call, up.length > 0 ? up : sites)
    // A site that has just failed the whole call is no good for a part of it either.
    const rested = all.filter(
      ({ plan: { key, groups } }) => ![key, ...groups.map(({ site }) => site.name)].some((one) => memory.rests(one)),
    )
    const usable = rested.length > 0 ? rested : all
    const budgetMs = least(call.budgetMs, document.constraints.deadlineMs)
    const measured = usable.filter((priced) => priced.measured)
    const options = all.map(optionOf)
    if (call.once === true) {
      const take = cheapest(measured, document, budgetMs)
      if (take === undefined) return this.#begin(memory, call, usable, options)
      return { sites: sitesOf(take.plan), because: keptBecause({ take, why: 'first' }, measured, document), options, trial: undefined }
    }
    const verdict = keepOrSwitch(memory, measured, document, budgetMs)
    if (verdict === undefined) return this.#begin(memory, call, usable, options)

    const exploring = trialFor(memory, usable, verdict.take, budgetMs, document, (site) => this.#trials.busy(site, decision))
    const taken = exploring?.priced ?? verdict.take
    const mind = memory.plan(taken.plan.key)
    mind.lastRun = memory.now
    if (exploring !== undefined) {
      mind.trials++
      memory.lastTrial = memory.now
      if (exploring.why === 'old') memory.probes++
      const begun = { decision, bestMs: verdict.take.ms, probe: exploring.why === 'old' }
      for (const { site } of taken.plan.groups) this.#trials.begin({ ...begun, site: site.name })
    }
    return {
      sites: sitesOf(taken.plan),
      because: exploring === undefined ? keptBecause(verdict, measured, document) : triedBecause(exploring, verdict.take, mind.trials),
      options,
      trial: exploring === undefined ? undefined : { exploring, bestMs: verdict.take.ms },
    }
  }

  /** Nothing is measured yet: the calls go where the least has to move, until they have shown what that costs. */
  #begin(memory: CallMemory, call: CallView, usable: readonly Priced[], options: readonly Option[]): Choice {
    const single = usable.filter(({ plan }) => plan.groups.length === 1)
    const held = single.find(({ plan }) => plan.key === memory.current)
    const local = ({ plan }: Priced): number => (plan.groups[0]?.site.role === 'local' ? 0 : 1)
    const missing = ({ bytes }: Priced): number => Math.max(0, bytes - call.argumentBytes)
    const first = held ?? single.toSorted((a, b) => missing(a) - missing(b) || local(a) - local(b) || a.floorMs - b.floorMs)[0]
    if (first === undefined) return { sites: [], because: 'no site', options, trial: undefined }
    memory.current = first.plan.key
    memory.plan(first.plan.key).lastRun = memory.now
    const because = `nothing is measured yet; ${planInWords(first.plan)} has the least to fetch (${formatBytes(missing(first))})`
    return { sites: sitesOf(first.plan), because, options, trial: undefined }
  }

  observe(call: CallView, decision: Decision, outcome: Outcome, document: PolicyDocument): void {
    const memory = this.#memory(call)
    const mind = memory.plan(planKeyOf(decision.sites))
    const trial = this.#trials.end(decision.id)
    if (outcome.partial === true) return
    if (trial?.probe === true && Number.isFinite(outcome.totalMs)) memory.purse -= Math.max(0, outcome.totalMs - trial.bestMs)
    if (outcome.failed) {
      mind.fail(memory.now)
      if (memory.current === planKeyOf(decision.sites)) memory.current = undefined
      return
    }
    mind.succeed()
    if (outcome.totalMs > 0 && Number.isFinite(outcome.totalMs)) memory.purse += outcome.totalMs * document.costModel.explore.share
    const groups = groupsOf(call, decision.sites)
    const parts = partsOf(decision)
    let explained = 0
    let fetchMs = 0
    for (const [index, group] of groups.entries()) {
      const report = outcome.reports[index]
      if (report === undefined || report.site !== group.site) continue
      for (const { ms } of stageTimes(group.stages, report).values()) explained += ms
      explained += report.load?.queueMs ?? 0
      fetchMs += report.fetchMs
      this.#estimators.learn(group.stages, report)
    }
    // Without a prediction of the links it is not known what went beyond it.
    if (parts === undefined) return
    // What the client itself relayed is in no report: the prediction stands in for it.
    mind.learnOverhead(outcome.totalMs - explained - parts.roundTrip - parts.result - Math.max(fetchMs, parts.move))
  }

  #memory(call: CallView): CallMemory {
    return bounded(this.#calls, callKey(call), () => new CallMemory(), 1024)
  }
}

/** What was predicted for the plan that ran, which is another than the decision's where the call was sent elsewhere. */
const partsOf = ({ sites, options }: Decision): Option['parts'] => {
  const key = planKeyOf(sites)
  return options.find((option) => planKeyOf(option.sites) === key)?.parts
}

interface ReportedGroup {
  readonly site: SiteName
  readonly stages: readonly StageView[]
}
const groupsOf = (call: CallView, sites: readonly SiteName[]): readonly ReportedGroup[] => {
  const groups: { site: SiteName; stages: StageView[] }[] = []
  for (const [index, stage] of call.stages.entries()) {
    const site = sites[index]
    const last = groups.at(-1)
    if (site === undefined) continue
    if (last?.site === site) last.stages.push(stage)
    else groups.push({ site, stages: [stage] })
  }
  return groups
}

const least = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)

const figure = (priced: Priced, document: PolicyDocument): string =>
  `${planInWords(priced.plan)} ${formatMs(priced.ms)}${document.objective.minimize === 'bytes' ? ` and ${formatBytes(priced.bytes)}` : ''}`

const reasons: Readonly<Record<Verdict['why'], string>> = {
  first: 'the best predicted',
  kept: 'kept: nothing else is better by the margin',
  clear: 'clearly better than before',
  steady: 'better than before for long',
  full: 'since the usual place has a queue',
  late: 'the former choice would miss the deadline',
}

const keptBecause = ({ take, why }: Verdict, measured: readonly Priced[], document: PolicyDocument): string => {
  let rival: Priced | undefined
  for (const one of measured) if (one !== take && (rival === undefined || one.ms < rival.ms)) rival = one
  return `${figure(take, document)}, ${reasons[why]}${rival === undefined ? '' : `; next ${figure(rival, document)}`}`
}

const triedBecause = ({ priced, why }: Exploring, best: Priced, trials: number): string => {
  const known = `${planInWords(best.plan)} is the best known at ${formatMs(best.ms)}`
  switch (why) {
    case 'unmeasured':
      return `trial ${trials} of ${planInWords(priced.plan)}, which is hardly measured yet; ${known}`
    case 'close':
      return `another look at ${planInWords(priced.plan)}, near at ${formatMs(priced.ms)} but seldom measured; ${known}`
    case 'hand-over':
      return `trial ${trials} of ${planInWords(priced.plan)}, to learn what it hands over; ${known}`
    case 'old':
      return `a look at ${planInWords(priced.plan)}, not used for long; ${known}`
  }
}
