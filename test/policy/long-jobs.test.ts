import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LOCAL, type SiteName } from '../../src/core/ids.ts'
import { defaultPolicy } from '../../src/policy/document.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import type { CallView, MeasuredStage } from '../../src/policy/types.ts'
import { callOf, drive, inputs, NODE, outcome, report, threeSites, view } from './views.ts'

const MODEL = 1_000_000
const DATA = 100_000_000
/** A training of 1,000 steps on 100 MB at the node, with the time of a step where it was tried. */
const job = (tried: readonly (readonly [SiteName, number, number?])[]): CallView =>
  callOf({
    type: 'trainer',
    method: 'fit',
    once: true,
    argumentBytes: MODEL,
    stages: [
      {
        key: 'train',
        units: 1000,
        inputs: inputs(1, DATA),
        resultBytes: MODEL,
        measured: new Map(tried.map(([site, msPerUnit, msPerByte]): [SiteName, MeasuredStage] => [site, { msPerUnit, msPerByte }])),
      },
    ],
  })

test('what was measured for a job decides, and its terms are those of the figures', () => {
  const decision = createPolicy(defaultPolicy).decide(job([[NODE, 50], [LOCAL, 20]]), threeSites()) // prettier-ignore
  const of = (site: SiteName) => decision.options.find(({ sites }) => sites[0] === site)
  assert.deepEqual(decision.sites, [LOCAL])
  assert.equal(decision.because, 'local 20801 ms, the best predicted; next node 50017 ms')
  // 100 MB at 125,000 bytes/ms, and a round trip; the model both ways.
  assert.deepEqual(of(LOCAL)?.parts, { move: 800, roundTrip: 1, queue: 0, compute: 20_000, result: 0, overhead: 0 })
  assert.deepEqual(of(NODE)?.parts, { move: 8, roundTrip: 1, queue: 0, compute: 50_000, result: 8, overhead: 0 })
})

test('the rate of a trial goes before that of the link', () => {
  const decision = createPolicy(defaultPolicy).decide(job([[NODE, 50], [LOCAL, 20, 0.001]]), threeSites()) // prettier-ignore
  assert.deepEqual(decision.sites, [NODE])
  assert.equal(decision.options.find(({ sites }) => sites[0] === LOCAL)?.parts?.move, 100_000)
})

test('neither earlier jobs nor a queue or trials sway it', () => {
  const policy = createPolicy(defaultPolicy)
  // Calls that wait on the node, as a loader's do, and jobs that were at the node so far.
  drive(policy, 50, () => 10, callOf({ stages: [{ key: 'decode', units: 100, inputs: inputs(4, 10 ** 6) }] }))
  const atNode = job([[NODE, 50], [LOCAL, 500]]) // prettier-ignore
  for (let i = 0; i < 10; i++) {
    const decision = policy.decide(atNode, threeSites())
    assert.deepEqual(decision.sites, [NODE])
    policy.observe(atNode, decision, outcome([report(NODE, 90_000, 1000, { stages: [{ key: 'train', ms: 90_000, units: 1000 }] })]))
  }
  const busy = [view({ role: 'local' }), view({ role: 'node', rttMs: 1, downBytesPerMs: 125_000, upBytesPerMs: 125_000, inFlight: 50, queueMs: 5000 })] // prettier-ignore
  assert.deepEqual(policy.decide(atNode, busy).sites, [NODE])
  // The first that is better is taken at once, and nothing is tried.
  for (let i = 0; i < 10; i++) assert.deepEqual(policy.decide(job([[NODE, 50], [LOCAL, 40]]), threeSites()).sites, [LOCAL]) // prettier-ignore
})

test('where a site was not tried, what earlier jobs took there counts', () => {
  const policy = createPolicy(defaultPolicy)
  const call = job([])
  for (let i = 0; i < 3; i++) policy.observe(call, { ...policy.decide(call, threeSites()), sites: [NODE] }, outcome([report(NODE, 30_000, 1000, { stages: [{ key: 'train', ms: 30_000, units: 1000 }] })])) // prettier-ignore
  const decision = policy.decide(job([[LOCAL, 100]]), threeSites())
  assert.deepEqual(decision.sites, [NODE])
  assert.equal(Math.round(decision.options.find(({ sites }) => sites[0] === NODE)?.parts?.compute ?? 0), 30_000)
})
