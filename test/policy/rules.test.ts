import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicy } from '../../src/policy/parse.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { conditionInWords, firstRule, judgeRule } from '../../src/policy/rules.ts'
import { callOf, inputs, threeSites, view } from './views.ts'

const document = parsePolicy(
  `version: 1
strategy: node
rules:
  - name: trainers stay
    match: { type: trainer }
    place: local
  - name: a busy node spills to the cloud
    when: { node.inFlight: { above: 32 }, cloud.rttMs: { below: 41 } }
    place: cloud
  - name: small things are not worth a round trip
    when: { call.missingBytes: { below: 16KiB } }
    place: local
`,
  'p.yaml',
)
const busy = (inFlight: number) => threeSites().map((site) => (site.role === 'node' ? { ...site, inFlight } : site))
const large = callOf({ stages: [{ key: 'a', units: 1, inputs: inputs(4, 10_000) }] })

test('the first rule that holds wins', () => {
  assert.equal(firstRule(document, large, busy(33))?.rule.name, 'a busy node spills to the cloud')
  assert.equal(firstRule(document, callOf(), busy(33))?.rule.place, 'cloud')
  assert.equal(firstRule(document, callOf(), busy(32))?.rule.place, 'local')
  assert.equal(firstRule(document, large, busy(32)), undefined)
})

test('a match restricts a rule to a type or method', () => {
  assert.equal(firstRule(document, { ...large, type: 'trainer' }, busy(0))?.rule.name, 'trainers stay')
})

test('a condition on what has not been measured is false, and says so', () => {
  const rule = document.rules[1]
  assert.ok(rule !== undefined)
  const judged = judgeRule(rule, large, [view({ role: 'local' }), view({ role: 'node', inFlight: 40 })])
  assert.equal(judged.holds, false)
  assert.deepEqual(judged.conditions.map(conditionInWords), ['node.inFlight is 40, above 32', 'cloud.rttMs has not been measured'])
})

test('a decision by rule names the rule and the figures, for every stage', () => {
  const stages = ['a', 'b'].map((key) => ({ key, units: 1, inputs: inputs(4, 10_000) }))
  const decision = createPolicy(document).decide(callOf({ stages }), busy(40))
  assert.deepEqual(decision.sites, ['cloud', 'cloud'])
  assert.equal(decision.rule, 'a busy node spills to the cloud')
  assert.equal(decision.because, 'rule "a busy node spills to the cloud": node.inFlight is 40, above 32; cloud.rttMs is 40, below 41')
  assert.deepEqual(decision.fallbacks, ['node', 'local'])
})
