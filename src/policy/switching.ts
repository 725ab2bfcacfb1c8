import type { PolicyDocument } from './document.ts'
import type { CallMemory } from './memory.ts'
import type { Priced } from './predict.ts'

/** Decisions in a row that must agree before a clearly better plan is taken. */
const STREAK = 3
/** Sum of logarithmic gains at which a slightly but steadily better plan is taken: 10 % better for some 30 decisions. */
const LEAD = 1.5
/** Bytes that make no difference: keeps the ratio of two small figures from counting. */
const FEW_BYTES = 4096

/** What a plan costs under the objective. */
export const costOf = (priced: Priced, document: PolicyDocument): number =>
  document.objective.minimize === 'time' ? priced.ms : priced.bytes + FEW_BYTES

const tieCost = (priced: Priced, document: PolicyDocument): number => (document.objective.tieBreak === 'time' ? priced.ms : priced.bytes)

/** The cheapest plan; of those within half the margin of it, the one that the tie-break prefers. */
export const cheapest = (options: readonly Priced[], document: PolicyDocument, budgetMs: number | undefined): Priced | undefined => {
  const inTime = budgetMs === undefined ? options : options.filter(({ ms }) => ms <= budgetMs)
  // When nothing is fast enough, the fastest is.
  if (inTime.length === 0) return least(options, ({ ms }) => ms)
  const best = least(inTime, (priced) => costOf(priced, document))
  if (best === undefined) return undefined
  const bound = costOf(best, document) * (1 + document.costModel.margin / 2)
  const ties = inTime.filter((priced) => costOf(priced, document) <= bound)
  return least(ties, (priced) => tieCost(priced, document))
}

const least = (options: readonly Priced[], cost: (priced: Priced) => number): Priced | undefined => {
  let best: Priced | undefined
  for (const option of options) if (best === undefined || cost(option) < cost(best)) best = option
  return best
}

export type Verdict = { readonly take: Priced; readonly why: 'first' | 'kept' | 'clear' | 'steady' | 'late' | 'full' }

/**
 * Keeps the current plan or leaves it. Where it would have to wait in a queue, a single call may go elsewhere, which
 * shares the load without changing the plan. Two ways lead to another: it is better by the margin even if both predictions err
 * against it, for a few decisions in a row; or it is better by less, but for long. Between near-equals neither happens
 * often, which is what keeps the placement calm.
 */
export const keepOrSwitch = (
  memory: CallMemory,
  measured: readonly Priced[],
  document: PolicyDocument,
  budgetMs: number | undefined,
): Verdict | undefined => {
  const best = cheapest(measured, document, budgetMs)
  if (best === undefined) return undefined
  const current = measured.find(({ plan }) => plan.key === memory.current)
  if (current === undefined) return settle(memory, measured, { take: best, why: 'first' })
  if (best === current) return keep(memory, measured, current)
  if (budgetMs !== undefined && current.ms > budgetMs && best.ms <= budgetMs) return settle(memory, measured, { take: best, why: 'late' })

  const { margin } = document.costModel
  const [now, then] = [costOf(current, document), costOf(best, document)]
  const byTime = document.objective.minimize === 'time'
  const optimistic = byTime ? Math.max(0, current.quietMs - current.errorMs) : now
  const pessimistic = byTime ? then + best.errorMs : then
  memory.streak = pessimistic < optimistic * (1 - margin) ? memory.streak + 1 : 0
  const mind = memory.plan(best.plan.key)
  mind.lead = Math.max(0, mind.lead + Math.log(Math.max(now, 1e-6) / Math.max(then, 1e-6)) - margin / 2)
  if (memory.streak >= STREAK) return settle(memory, measured, { take: best, why: 'clear' })
  if (mind.lead > LEAD && then < now) return settle(memory, measured, { take: best, why: 'steady' })
  if (byTime && current.parts.queue > 0 && pessimistic < now * (1 - margin)) return { take: best, why: 'full' }
  return { take: current, why: 'kept' }
}

const keep = (memory: CallMemory, measured: readonly Priced[], current: Priced): Verdict => {
  memory.streak = 0
  // While the current plan is the best one, the case for the others weakens.
  for (const { plan } of measured) memory.plan(plan.key).lead *= 0.9
  return { take: current, why: 'kept' }
}

const settle = (memory: CallMemory, measured: readonly Priced[], verdict: Verdict): Verdict => {
  memory.current = verdict.take.plan.key
  memory.streak = 0
  for (const { plan } of measured) memory.plan(plan.key).lead = 0
  return verdict
}
