import { failure } from '../core/errors.ts'
import type { SiteName } from '../core/ids.ts'
import { CostModel } from './cost-model.ts'
import type { PolicyDocument } from './document.ts'
import { firstRule, ruleInWords } from './rules.ts'
import { byThreshold, placeAt } from './strategies.ts'
import type { CallView, Decision, Option, Policy, SiteView } from './types.ts'

/**
 * A policy over a document, or over whatever document is current: a changed file counts from the next decision, and what
 * has been learned stays.
 * @param model for what is already known; by default nothing is.
 */
export const createPolicy = (document: PolicyDocument | (() => PolicyDocument), model: CostModel = new CostModel()): Policy => {
  const current = typeof document === 'function' ? document : () => document
  let decisions = 0
  return {
    decide(call, sites) {
      if (sites.length === 0) throw failure('invalid-argument', `${call.type}.${call.method} cannot be placed: there is no site`)
      return decide(model, current(), call, sites, ++decisions)
    },
    observe(call, decision, outcome) {
      // Taught under every strategy, so that a change to the cost model starts with what is known.
      model.observe(call, decision, outcome, current())
    },
  }
}

const decide = (model: CostModel, document: PolicyDocument, call: CallView, sites: readonly SiteView[], id: number): Decision => {
  const { strategy } = document
  const rule = document.rules.length === 0 ? undefined : firstRule(document, call, sites)
  if (rule === undefined && strategy === 'cost-model') {
    const { sites: chosen, because, options } = model.choose(call, sites, document, id)
    return { id, sites: chosen, because, rule: undefined, strategy, options, fallbacks: fallbacksFor(chosen, sites, options) }
  }
  const placed =
    rule !== undefined
      ? placeAt(rule.rule.place, ruleInWords(rule), call, sites)
      : strategy === 'threshold'
        ? byThreshold(document, call, sites)
        : strategy === 'cost-model'
          ? undefined
          : placeAt(strategy, `the strategy is ${strategy}`, call, sites)
  if (placed === undefined) throw failure('internal', `no site was found for ${call.type}.${call.method}`)
  const chosen = call.stages.length === 0 ? [placed.site.name] : call.stages.map(() => placed.site.name)
  return {
    id,
    sites: chosen,
    because: placed.because,
    rule: rule?.rule.name,
    strategy,
    options: [],
    fallbacks: fallbacksFor(chosen, sites, []),
  }
}

/**
 * Where else the whole call may run, the best predicted first. This process is always among them: it cannot be cut off.
 * Without a prediction it comes last, since the data may not be here.
 */
const fallbacksFor = (chosen: readonly SiteName[], sites: readonly SiteView[], options: readonly Option[]): readonly SiteName[] => {
  const whole = chosen.every((name) => name === chosen[0]) ? chosen[0] : undefined
  const predicted = new Map<SiteName, number>()
  for (const { sites: at, predictedMs } of options) {
    const only = at[0]
    if (only !== undefined && predictedMs !== undefined && at.every((name) => name === only)) predicted.set(only, predictedMs)
  }
  const rank = ({ name, role }: SiteView): number => predicted.get(name) ?? Number.MAX_VALUE / (role === 'local' ? 1 : 2)
  return sites
    .filter(({ name, role, up }) => name !== whole && (up || role === 'local'))
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ name }) => name)
}
