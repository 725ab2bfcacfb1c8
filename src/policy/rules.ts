import type { Condition, PolicyDocument, Rule } from './document.ts'
import { countsBytes, readSignal } from './signals.ts'
import { formatBytes, trimmed } from './figures.ts'
import type { CallView, SiteView } from './types.ts'

/** A condition with the value it met. */
export interface JudgedCondition {
  readonly condition: Condition
  /** Undefined where the signal has not been measured: the condition is then false. */
  readonly value: number | undefined
  readonly holds: boolean
}

/** A rule held against a call. */
export interface JudgedRule {
  readonly rule: Rule
  /** Whether the rule is for this type and method. */
  readonly applies: boolean
  readonly conditions: readonly JudgedCondition[]
  readonly holds: boolean
}

const judgeCondition = (condition: Condition, call: CallView, sites: readonly SiteView[]): JudgedCondition => {
  const value = readSignal(condition.signal, call, sites)
  const { above, below } = condition
  const holds = value !== undefined && (above === undefined || value > above) && (below === undefined || value < below)
  return { condition, value, holds }
}

const isFor = ({ match }: Rule, call: CallView): boolean =>
  (match.type === undefined || match.type === call.type) && (match.method === undefined || match.method === call.method)

export const judgeRule = (rule: Rule, call: CallView, sites: readonly SiteView[]): JudgedRule => {
  const applies = isFor(rule, call)
  const conditions = rule.when.map((condition) => judgeCondition(condition, call, sites))
  return { rule, applies, conditions, holds: applies && conditions.every(({ holds }) => holds) }
}

/** The first rule that holds. */
export const firstRule = (document: PolicyDocument, call: CallView, sites: readonly SiteView[]): JudgedRule | undefined => {
  for (const rule of document.rules) {
    if (!isFor(rule, call)) continue
    const judged = judgeRule(rule, call, sites)
    if (judged.holds) return judged
  }
  return undefined
}

/** A condition in words, with the figures: `node.inFlight is 40, above 32`. */
export const conditionInWords = ({ condition: { signal, above, below }, value }: JudgedCondition): string => {
  const figure = (number: number): string => (countsBytes(signal) ? formatBytes(number) : trimmed(number))
  if (value === undefined) return `${signal} has not been measured`
  const parts: string[] = []
  if (above !== undefined) parts.push(`${value > above ? 'above' : 'not above'} ${figure(above)}`)
  if (below !== undefined) parts.push(`${value < below ? 'below' : 'not below'} ${figure(below)}`)
  return `${signal} is ${figure(value)}, ${parts.join(' and ')}`
}

export const ruleInWords = ({ rule, conditions }: JudgedRule): string => {
  const { type, method } = rule.match
  const reasons = conditions.map(conditionInWords)
  if (type !== undefined || method !== undefined) reasons.unshift(`the call is ${type ?? 'any type'}.${method ?? 'any method'}`)
  return `rule "${rule.name}": ${reasons.join('; ')}`
}
