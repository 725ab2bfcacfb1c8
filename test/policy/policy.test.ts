import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import type { PolicyDocument } from '../../src/policy/document.ts'
import { parsePolicy } from '../../src/policy/parse.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import type { SiteView } from '../../src/policy/types.ts'
import { callOf, drive, inputs, outcome, report, threeSites, view } from './views.ts'

const of = (yaml: string): PolicyDocument => parsePolicy(`version: 1\n${yaml}`, 'p.yaml')
const down = (role: string): readonly SiteView[] => threeSites().map((site) => (site.role === role ? { ...site, up: false } : site))

test('a fixed strategy places everything at its role', () => {
  for (const role of ['local', 'node', 'cloud']) {
    const decision = createPolicy(of(`strategy: ${role}`)).decide(callOf(), threeSites())
    assert.deepEqual(decision.sites, [role])
    assert.equal(decision.because, `the strategy is ${role}`)
  }
})

test('a role that is down or absent is replaced, and the reason says so', () => {
  const node = createPolicy(of('strategy: node'))
  assert.equal(node.decide(callOf(), down('node')).because, 'the strategy is node, but node is down: local instead')
  assert.equal(node.decide(callOf(), [view({ role: 'cloud' })]).because, 'the strategy is node, but node is not there: cloud instead')
  const none = threeSites().map((site) => ({ ...site, up: false }))
  assert.deepEqual(node.decide(callOf(), none).sites, ['local'])
})

test('of several nodes the one that has to fetch least is chosen', () => {
  const call = callOf({ stages: [{ key: 'a', units: 1, inputs: inputs(2, 100, view({ role: 'cloud' }).name) }] })
  const sites = [view({ role: 'node' }), { ...view({ role: 'cloud' }), role: 'node' as const }]
  assert.deepEqual(createPolicy(of('strategy: node')).decide(call, sites).sites, ['cloud'])
})

test('the threshold offloads what would bring much data here', () => {
  const policy = createPolicy(of('strategy: threshold\nthreshold: { offloadAboveBytes: 1MiB }'))
  const call = (bytes: number) => callOf({ stages: [{ key: 'a', units: 1, inputs: inputs(2, bytes) }] })
  const small = policy.decide(call(2 ** 19), threeSites())
  assert.deepEqual([small.sites, small.because], [['local'], '1 MiB would have to come here, not more than 1 MiB'])
  assert.deepEqual(policy.decide(call(2 ** 20), threeSites()).sites, ['node'])
  const here = threeSites().map((site) => ({ ...site, has: () => site.role === 'local' }))
  assert.deepEqual(policy.decide(call(2 ** 20), here).sites, ['local'])
})

test('ids count up, and a document that changes counts from the next decision', () => {
  let document = of('strategy: local')
  const policy = createPolicy(() => document)
  assert.deepEqual([policy.decide(callOf(), threeSites()).id, policy.decide(callOf(), threeSites()).id], [1, 2])
  document = of('strategy: cloud')
  assert.deepEqual(policy.decide(callOf(), threeSites()).sites, ['cloud'])
})

test('what is learned under a fixed strategy serves the cost model', () => {
  let document = of('strategy: node')
  const policy = createPolicy(() => document)
  drive(policy, 10, () => 10)
  document = of('costModel: { explore: { tries: 0 } }')
  const decision = policy.decide(callOf(), threeSites())
  assert.deepEqual(decision.sites, ['node'])
  assert.match(decision.because, /^node 11 ms, the best predicted/)
})

test('fallbacks leave out what is down, and this process is always among them', () => {
  const policy = createPolicy(of('strategy: node'))
  assert.deepEqual(policy.decide(callOf(), threeSites()).fallbacks, ['cloud', 'local'])
  assert.deepEqual(policy.decide(callOf(), down('cloud')).fallbacks, ['local'])
  assert.deepEqual(policy.decide(callOf(), down('local')).fallbacks, ['cloud', 'local'])
})

test('without a site there is nothing to decide', () => {
  assert.throws(
    () => createPolicy(of('')).decide(callOf(), []),
    (error) => isActiveStorageError(error, 'invalid-argument'),
  )
})

test('a decision names a site that exists for every stage, whatever happened before', () => {
  const yaml = fc.constantFrom(
    '',
    'strategy: node',
    'strategy: threshold',
    'objective: { minimize: bytes }',
    'constraints: { deadlineMs: 5 }',
    'rules: [{ name: a, when: { node.up: { above: 0 } }, place: cloud }]',
  )
  const step = fc.record({
    stages: fc.nat(3),
    up: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    first: fc.nat(2),
    budgetMs: fc.option(fc.nat(100), { nil: undefined }),
    ms: fc.double({ min: 0, max: 1e4, noNaN: true }),
    failed: fc.boolean(),
    observed: fc.boolean(),
  })
  fc.assert(
    fc.property(yaml, fc.array(step, { minLength: 1, maxLength: 40 }), (text, steps) => {
      const policy = createPolicy(of(text))
      for (const { stages, up, first, budgetMs, ms, failed, observed } of steps) {
        const sites = threeSites()
          .map((site, index) => ({ ...site, up: up[index] ?? true }))
          .slice(first)
        const call = callOf({
          budgetMs,
          stages: Array.from({ length: stages }, (_, index) => ({ key: `s${index}`, units: 10, inputs: inputs(index, 1000) })),
        })
        const decision = policy.decide(call, sites)
        const names = sites.map(({ name }) => name)
        assert.equal(decision.sites.length, Math.max(1, stages))
        for (const name of [...decision.sites, ...decision.fallbacks]) assert.ok(names.includes(name))
        for (const { predictedMs } of decision.options) assert.ok(predictedMs === undefined || predictedMs >= 0)
        assert.ok(decision.because.length > 0)
        const at = decision.sites[0]
        if (observed && at !== undefined)
          policy.observe(
            call,
            decision,
            outcome([report(at, ms, 10, { stages: call.stages.map(({ key }) => ({ key, ms, units: 10 })) })], failed),
          )
      }
    }),
  )
})
