import { CostModel } from './cost-model.ts'
import type { PolicyDocument } from './document.ts'
import { formatBytes, formatMs } from './figures.ts'
import { createPolicy } from './policy.ts'
import { conditionInWords, type JudgedRule, judgeRule } from './rules.ts'
import type { CallView, Decision, Option, OptionParts, SiteView } from './types.ts'

// What explains goes together with what there is to explain.
export { callFromSignals, estimateNames } from './offline.ts'

/** Why a policy places a call where it does. */
export interface Explanation {
  /** Type and method, and the stages where there are several. */
  readonly call: string
  /** Every rule in order, held against the call. */
  readonly rules: readonly JudgedRule[]
  /** Place in `rules` of the one that decides: the first that holds. */
  readonly fired: number | undefined
  readonly strategy: string
  /** What the cost model predicts, cheapest first, unmeasured ones last; also where a rule overrides it. */
  readonly options: readonly Option[]
  readonly decision: Decision
}

/**
 * Explains a placement. Trials are left out: the answer says what the policy holds to be best, and marks what it would
 * have to try first as not measured.
 */
export const explain = (
  document: PolicyDocument,
  call: CallView,
  sites: readonly SiteView[],
  model: CostModel = new CostModel(),
): Explanation => {
  const calm = { ...document, costModel: { ...document.costModel, explore: { tries: 0, share: 0 } } }
  const rules = document.rules.map((rule) => judgeRule(rule, call, sites))
  const first = rules.findIndex(({ holds }) => holds)
  const decision = createPolicy(calm, model).decide(call, sites)
  // Of a decision by rule or by another strategy the predictions are of interest all the same.
  const options =
    decision.options.length > 0
      ? decision.options
      : createPolicy({ ...calm, rules: [], strategy: 'cost-model' }, model).decide(call, sites).options
  const rank = ({ predictedMs }: Option): number => predictedMs ?? Number.POSITIVE_INFINITY
  return {
    call: `${call.type}.${call.method}${call.stages.length > 1 ? ` (stages ${call.stages.map(({ key }) => key).join(', ')})` : ''}`,
    rules,
    fired: first === -1 ? undefined : first,
    strategy: document.strategy,
    options: options.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b))),
    decision,
  }
}

const sitesInWords = (sites: readonly string[]): string => [...new Set(sites)].join(' > ')

const columns: readonly (keyof OptionParts)[] = ['move', 'roundTrip', 'queue', 'compute', 'result', 'overhead']
const partsInWords = (parts: OptionParts): string => {
  const shown = columns.filter((name) => Math.abs(parts[name]) >= 0.005).map((name) => `${name} ${formatMs(parts[name])}`)
  return shown.length === 0 ? 'nothing' : shown.join(', ')
}

const optionInWords = ({ sites, predictedMs, parts, bytes }: Option): string => {
  const moved = bytes === undefined ? 'bytes unknown' : formatBytes(bytes)
  const price = predictedMs === undefined ? 'not measured' : formatMs(predictedMs)
  const terms = parts === undefined ? '' : `  (${partsInWords(parts)}${predictedMs === undefined ? ', as far as known' : ''}; ${moved})`
  return `  ${sitesInWords(sites).padEnd(16)} ${price.padStart(12)}${terms}`
}

const ruleLines = (judged: JudgedRule, index: number, fired: number | undefined): readonly string[] => {
  const { rule, applies, conditions, holds } = judged
  const verdict = !applies
    ? 'is for other calls'
    : !holds
      ? 'no'
      : index === fired
        ? `yes, place: ${rule.place}`
        : 'yes, but an earlier rule decided'
  const lines = [`  ${index + 1}. ${rule.name}: ${verdict}`]
  if (applies) for (const one of conditions) lines.push(`     ${one.holds ? '+' : '-'} ${conditionInWords(one)}`)
  return lines
}

/** The explanation as text for a terminal. */
export const renderExplanation = ({ call, rules, fired, strategy, options, decision }: Explanation): string =>
  [
    `call      ${call}`,
    rules.length === 0 ? 'rules     none' : 'rules',
    ...rules.flatMap((judged, index) => ruleLines(judged, index, fired)),
    `strategy  ${strategy}${fired === undefined ? '' : ', not asked: a rule decided'}`,
    'options',
    ...options.map(optionInWords),
    `decision  ${sitesInWords(decision.sites)}`,
    `because   ${decision.because}`,
    `else      ${decision.fallbacks.join(', ') || 'nowhere'}`,
    '',
  ].join('\n')
