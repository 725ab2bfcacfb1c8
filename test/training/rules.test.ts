import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Emit } from '../../src/training/emit.ts'
import type { Rule } from '../../src/training/rules/rule.ts'
import { flat, rules } from '../../src/training/rules/table.ts'
import { cases } from './gradcheck/cases.ts'
import { gradcheck } from './gradcheck/gradcheck.ts'

const SEED = 4
const RUNS = 25
/** Until a mutant is found, at the most: a case in which a rare input is there comes late. */
const MUTANT_RUNS = 150

/** A rule with one of its gradients changed. */
const broken =
  (rule: Rule, at: number, how: 'scaled' | 'dropped'): Rule =>
  (ctx) =>
    rule(ctx).map((gradient, i) => {
      if (i !== at || gradient === undefined) return gradient
      return how === 'dropped' ? undefined : new Emit(ctx).mul(gradient, 1.01)
    })

test('every rule has cases, and every case a rule', () => {
  assert.deepEqual(Object.keys(cases).toSorted(), Object.keys(rules).toSorted())
  assert.deepEqual(Object.keys(rules).filter((op) => flat.has(op)), []) // prettier-ignore
})

for (const [op, rule] of Object.entries(rules)) {
  test(`${op}: gradients are those of differences, and a broken one is found`, async () => {
    const seen = new Set<number>()
    const watched: Rule = (ctx) => {
      const found = rule(ctx)
      for (const [i, gradient] of found.entries()) if (gradient !== undefined && ctx.needs[i]) seen.add(i)
      return found
    }
    const outcome = await gradcheck(op, { runs: RUNS, seed: SEED, ort: false, rules: { ...rules, [op]: watched } })
    assert.equal(outcome.failed, undefined, JSON.stringify(outcome.failed))
    assert.ok(seen.size > 0, 'no gradient was made')
    for (const at of seen) {
      for (const how of ['scaled', 'dropped'] as const) {
        const options = { runs: MUTANT_RUNS, seed: SEED, ort: false, shrink: false }
        const mutant = await gradcheck(op, { ...options, rules: { ...rules, [op]: broken(rule, at, how) } })
        assert.ok(mutant.failed !== undefined, `the gradient by input ${at} may be ${how}, and nothing is found`)
      }
    }
  })
}
