import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LOCAL } from '../../src/core/ids.ts'
import { Estimators } from '../../src/policy/estimators.ts'
import { planKeyOf, plansFor, sitesOf } from '../../src/policy/plan.ts'
import { price, type Priced } from '../../src/policy/predict.ts'
import { Queues } from '../../src/policy/queues.ts'
import type { CallView, SiteView } from '../../src/policy/types.ts'
import { callOf, CLOUD, hash, inputs, NODE, threeSites, view } from './views.ts'

const warm = (...learned: readonly (readonly [stage: string, site: typeof LOCAL, ms: number])[]): Estimators => {
  const estimators = new Estimators()
  for (const [stage, site, ms] of learned) for (let n = 0; n < 2; n++) estimators.learnCompute(stage, site, ms)
  return estimators
}
const priced = (call: CallView, sites: readonly SiteView[], known: Estimators, overhead?: number): ReadonlyMap<string, Priced> =>
  new Map(price(call, sites, { known, queues: new Queues(), overhead: () => overhead }).map((one) => [one.plan.key, one]))

test('two stages on three sites make three whole plans and six cuts, each with a key of its own', () => {
  const stages = [1, 2].map((n) => ({ key: `s${n}`, units: 1, inputs: [] }))
  const plans = plansFor(stages, threeSites())
  assert.equal(plans.length, 9)
  assert.equal(new Set(plans.map(({ key }) => key)).size, 9)
  for (const plan of plans) assert.equal(planKeyOf(sitesOf(plan)), plan.key)
})

test('a remote call is priced by its inputs, round trip, computing and result', () => {
  const stages = [{ key: 'decode', units: 10, inputs: inputs(2, 62_500), resultBytes: 12_500 }]
  const at = priced(
    callOf({ stages, argumentBytes: 6250 }),
    threeSites(),
    warm(['decode', NODE, 3], ['decode', CLOUD, 1], ['decode', LOCAL, 2]),
  )
  const rounded = (key: string) =>
    Object.fromEntries(Object.entries(at.get(key)?.parts ?? {}).map(([name, ms]) => [name, Math.round(ms * 1e6) / 1e6]))
  assert.deepEqual(rounded('node'), { move: 0.05, roundTrip: 1, queue: 0, compute: 30, result: 0.1, overhead: 0 })
  // The cloud has to be given the inputs over its own slow link, and asks their home for them first.
  const cloud = at.get('cloud')?.parts
  assert.ok(cloud !== undefined && Math.abs(cloud.move - 21) < 1e-9 && cloud.roundTrip === 41 && Math.abs(cloud.result - 2) < 1e-9)
  assert.deepEqual(rounded('local'), { move: 1, roundTrip: 1, queue: 0, compute: 20, result: 0, overhead: 0 })
  assert.equal(at.get('local')?.measured, true)
})

test('content that a site holds does not move', () => {
  const stages = [{ key: 'decode', units: 1, inputs: inputs(2, 125_000) }]
  const sites = threeSites().map((site) => (site.role === 'local' ? { ...site, has: (one: string) => one === hash(0) } : site))
  assert.equal(priced(callOf({ stages }), sites, new Estimators()).get('local')?.parts.move, 1)
})

test('a cut pays for its intermediate result on both links', () => {
  const stages = [
    { key: 'a', units: 1, inputs: [], resultBytes: 125_000 },
    { key: 'b', units: 1, inputs: [], resultBytes: 0 },
  ]
  const cut = priced(callOf({ stages }), threeSites(), new Estimators()).get('node/1/cloud')?.parts
  assert.ok(cut !== undefined && Math.abs(cut.result - 1) < 1e-9 && Math.abs(cut.move - 20) < 1e-9)
  assert.equal(cut.roundTrip, 41)
})

test('a cut whose hand-over alone is unknown says so', () => {
  const stages = ['a', 'b'].map((key) => ({ key, units: 1, inputs: [] }))
  const at = priced(callOf({ stages }), threeSites(), warm(['a', NODE, 1], ['b', LOCAL, 1]))
  assert.equal(at.get('node/1/local')?.onlyHandOver, true)
  assert.equal(at.get('node/1/local')?.measured, false)
  assert.equal(at.get('local/1/node')?.onlyHandOver, false)
})

test('a plan is measured without its links once it has been run: they are in its overhead', () => {
  const stages = [{ key: 'decode', units: 1, inputs: inputs(1, 10 ** 7) }]
  const sites = [view({ role: 'local' }), view({ role: 'node' }), view({ role: 'cloud' })]
  const known = warm(['decode', CLOUD, 5])
  assert.equal(priced(callOf({ stages }), sites, known).get('cloud')?.measured, false)
  const run = priced(callOf({ stages }), sites, known, 30).get('cloud')
  assert.equal(run?.measured, true)
  assert.ok(Math.abs((run?.ms ?? 0) - 35) < 1e-9)
})

test('a prediction is never negative nor NaN, and is the sum of its parts', () => {
  const amount = fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }), { nil: undefined })
  const site = (role: 'local' | 'node' | 'cloud') =>
    fc
      .record({
        rttMs: amount,
        downBytesPerMs: amount,
        upBytesPerMs: amount,
        inFlight: amount,
        queueMs: amount,
        outstanding: fc.nat(50),
        has: fc.constant(() => false),
      })
      .map((given) => view({ role, ...given }))
  const stage = fc.record({
    key: fc.constantFrom('a', 'b'),
    units: fc.double({ min: -1, max: 1e6, noNaN: true }),
    inputs: fc.nat(5).map((n) => inputs(n, 1e5)),
  })
  const learned = fc.array(
    fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(LOCAL, NODE, CLOUD), fc.double({ min: 0, max: 1e5, noNaN: true })),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(
      fc.tuple(site('local'), site('node'), site('cloud')),
      fc.array(stage, { maxLength: 3 }),
      learned,
      fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: undefined }),
      (sites, stages, known, overhead) => {
        for (const { ms, parts, floorMs, quietMs } of priced(callOf({ stages }), sites, warm(...known), overhead).values()) {
          const sum = Object.values(parts).reduce((total, part) => total + part, 0)
          assert.ok(
            ms >= 0 && floorMs >= 0 && quietMs >= 0 && Math.abs(sum - ms) <= 1e-6 * Math.max(1, Math.abs(ms), Math.abs(overhead ?? 0)),
            `${ms} is not ${sum}`,
          )
        }
      },
    ),
  )
})
