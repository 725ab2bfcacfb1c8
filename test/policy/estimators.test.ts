import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LOCAL } from '../../src/core/ids.ts'
import { Estimators, stageTimes } from '../../src/policy/estimators.ts'
import { NODE, report } from './views.ts'

const stage = (key: string, units = 100) => ({ key, units, inputs: [] })
const near = (actual: number | undefined, expected: number) =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < expected * 1e-6, `${actual} is not ${expected}`)

test('time per unit is learned for each stage on each site', () => {
  const estimators = new Estimators()
  for (const ms of [900, 50, 50]) estimators.learn([stage('decode')], report(NODE, ms))
  estimators.learn([stage('decode')], report(LOCAL, 80))
  near(estimators.compute('decode', NODE)?.value, 0.5)
  assert.equal(estimators.compute('decode', NODE)?.count, 2)
  assert.equal(estimators.compute('decode', LOCAL)?.count, 0, 'one sample is a warm-up')
  assert.equal(estimators.compute('forward', NODE), undefined)
})

test('the size of a result is learned from what arrived, and not from a call in this process', () => {
  const estimators = new Estimators()
  estimators.learn([stage('decode')], report(LOCAL, 10))
  assert.equal(estimators.resultBytes('decode'), undefined)
  estimators.learn([stage('decode'), stage('forward', 8)], report(NODE, 10, 100, { bytesReceived: 4000 }))
  near(estimators.resultBytes('forward'), 500)
  assert.equal(estimators.resultBytes('decode'), undefined, 'only the last stage of a group has sent its result')
})

test('the rate of fetching is learned from fetches that are large enough', () => {
  const estimators = new Estimators()
  estimators.learn([stage('decode')], report(LOCAL, 10, 100, { bytesFetched: 1000, fetchMs: 50 }))
  assert.equal(estimators.fetch(LOCAL), undefined)
  estimators.learn([stage('decode')], report(LOCAL, 10, 100, { bytesFetched: 1_000_000, fetchMs: 50 }))
  near(estimators.fetch(LOCAL), 50 / 1_000_000)
})

test('several reports of one stage are added up', () => {
  const times = stageTimes([stage('decode')], report(NODE, 9, 1, { stages: [1, 2, 3].map((ms) => ({ key: 'decode', ms, units: 10 })) }))
  assert.deepEqual(times.get('decode'), { ms: 6, units: 30 })
})

test('planned stages that report nothing share the time that is left', () => {
  const load = { inFlight: 1, queueMs: 5, serviceMs: 40 }
  const times = stageTimes([stage('a', 7), stage('b'), stage('c')], report(NODE, 60, 1, { load, stages: [{ key: 'b', ms: 10, units: 1 }] }))
  assert.deepEqual(times.get('a'), { ms: 15, units: 7 })
  assert.equal(times.get('c')?.ms, 15)
})

test('a fetch inside a stage is not taken for computing', () => {
  const load = { inFlight: 1, queueMs: 0, serviceMs: 100 }
  const inside = stageTimes([stage('decode')], report(NODE, 100, 100, { load, fetchMs: 70 }))
  assert.equal(inside.get('decode')?.ms, 30)
  const before = stageTimes([stage('decode')], report(NODE, 30, 100, { load, fetchMs: 70 }))
  assert.equal(before.get('decode')?.ms, 30)
})

test('figures that are no times are not learned', () => {
  const estimators = new Estimators()
  for (const ms of [Number.NaN, -5, Number.POSITIVE_INFINITY]) estimators.learn([stage('decode')], report(NODE, ms))
  assert.equal(estimators.compute('decode', NODE), undefined)
  estimators.learn([stage('decode', 0)], report(NODE, 0, 0))
  assert.ok(Number.isFinite(estimators.compute('decode', NODE)?.value))
})
