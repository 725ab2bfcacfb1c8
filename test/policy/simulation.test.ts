import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultPolicy } from '../../src/policy/document.ts'
import { createPolicy } from '../../src/policy/policy.ts'
import { fixed, placementsOf, type Run, simulate, type WorldSite, type WorldSpec } from './world.ts'

// Equally fast machines; the node 1 ms and 1 Gbit/s away, the cloud 40 ms and 50 Mbit/s.
const local: WorldSite = { name: 'local', role: 'local', workers: 2, rttMs: 0, bandwidth: Infinity, msPerUnit: [10, 20], coldMs: 100 }
const node: WorldSite = { name: 'node', role: 'node', workers: 2, rttMs: 1, bandwidth: 125_000, msPerUnit: [10, 20], coldMs: 100 }
const cloud: WorldSite = { name: 'cloud', role: 'cloud', workers: 2, rttMs: 40, bandwidth: 6250, msPerUnit: [10, 20], coldMs: 100 }
const even: WorldSpec = {
  sites: [local, node, cloud],
  stages: [
    { key: 'preprocess', units: 1, resultBytes: 600_000 },
    { key: 'forward', units: 1, resultBytes: 40_000 },
  ],
  inputBytes: 400_000,
  home: 'node',
  calls: 300,
  epochs: 4,
  prefetch: 2,
  noise: 0.1,
  seed: 1,
}

const worlds: Readonly<Record<string, WorldSpec>> = {
  'three machines alike': even,
  'a near-tie with much noise': { ...even, noise: 0.3, sites: [local, { ...node, msPerUnit: [9.5, 19.5] }, cloud] },
  'a slow link to the node': { ...even, sites: [local, { ...node, rttMs: 20, bandwidth: 2000 }, cloud] },
  'a slow client': { ...even, sites: [{ ...local, msPerUnit: [40, 80] }, node, cloud] },
  'large inputs that are not here': { ...even, inputBytes: 20_000_000, sites: [{ ...local, msPerUnit: [9, 18] }, node, cloud] },
  'a node that others keep busy': { ...even, sites: [local, { ...node, othersQueueMs: 80, othersInFlight: 4 }, cloud] },
  'a node with many workers': { ...even, prefetch: 8, calls: 600, sites: [local, { ...node, workers: 8 }, cloud] },
  'a fast cloud that is too far': { ...even, inputBytes: 40_000, sites: [local, node, { ...cloud, msPerUnit: [1, 2], workers: 8 }] },
  'a fast cloud with a fast link': {
    ...even,
    inputBytes: 40_000,
    sites: [local, node, { ...cloud, rttMs: 5, bandwidth: 125_000, msPerUnit: [3, 6] }],
  },
  'stages that suit different machines': {
    ...even,
    calls: 600,
    sites: [{ ...local, msPerUnit: [100, 5] }, { ...node, msPerUnit: [5, 100] }, cloud],
  },
  'one stage whose result is larger than its input': { ...even, stages: [{ key: 'preprocess', units: 1, resultBytes: 600_000 }] },
  'more calls in flight than any site runs': { ...even, prefetch: 8 },
}

const bestFixed = (world: WorldSpec): Run =>
  placementsOf(world)
    .map((sites) => simulate(world, fixed(sites)))
    .reduce((best, run) => (run.totalMs < best.totalMs ? run : best))

for (const [name, world] of Object.entries(worlds)) {
  test(`the cost model is within 10 % of the best fixed placement: ${name}`, () => {
    for (const seed of [1, 2, 3]) {
      const seeded = { ...world, seed }
      const best = bestFixed(seeded)
      const run = simulate(seeded, createPolicy(defaultPolicy))
      const ratio = run.totalMs / best.totalMs
      assert.ok(ratio <= 1.1, `${ratio.toFixed(3)} of always ${best.placements[0]}, with seed ${seed}`)
    }
  })
}

test('more calls in flight than any site runs are shared out, which no fixed placement of whole calls does', () => {
  const world = worlds['more calls in flight than any site runs'] ?? even
  const whole = ['local', 'node', 'cloud'].map((site) => simulate(world, fixed([site, site])).totalMs)
  assert.ok(simulate(world, createPolicy(defaultPolicy)).totalMs < 0.75 * Math.min(...whole))
})

test('the placement follows a world that changes, within fifty calls', () => {
  const slowing = (now: number): readonly number[] => (now < 4000 ? [10, 20] : [60, 120])
  const world = {
    ...even,
    sites: [{ ...local, msPerUnit: slowing }, node, cloud],
    inputBytes: 40_000,
    home: 'local',
    calls: 800,
    epochs: 1,
  }
  const { placements, startedMs } = simulate(world, createPolicy(defaultPolicy))
  const turned = startedMs.findIndex((at) => at > 4000)
  const before = placements.slice(100, turned)
  const after = placements.slice(turned + 50)
  assert.ok(before.length > 50 && after.length > 400)
  assert.ok(before.filter((place) => place === 'local').length > 0.9 * before.length)
  assert.ok(after.filter((place) => place === 'node').length > 0.9 * after.length)
})

test('the same world and seed give the same run', () => {
  const once = simulate(even, createPolicy(defaultPolicy))
  assert.deepEqual(simulate(even, createPolicy(defaultPolicy)), once)
})
