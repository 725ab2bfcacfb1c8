import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Tensor } from '../../../src/core/tensor.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { averaged, sharesOf } from '../../../src/objects/parallel/average.ts'
import { trainingMember } from '../../../src/objects/parallel/member.ts'
import { parallelTrainer } from '../../../src/objects/parallel/parallel-trainer.ts'
import type { TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import { failing } from '../../contracts/transport.ts'
import { linkTo, remote, startNode } from '../../storage-node/support.ts'
import { spec } from '../trainer/material.ts'
import { checkCounted, countingModel, countingPlan, countingSamples, countingSpec } from './counting.ts'
import { apart, follow, group, network, partsOf, plan, putPart, weightsIn } from './material.ts'
import { tapped } from './tapped.ts'
import { timedMembers } from './timed-members.ts'

const floats = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])
const sgd: TrainerSpec = { ...spec, optimizer: { kind: 'sgd' }, learningRate: 0.05, schedule: { kind: 'constant' } }

test('what is averaged is the weighted mean, added up in float64 and rounded once', () => {
  const parts = [
    { tensors: { a: floats(1, 1e8), b: floats(3) }, share: 0.25 },
    { tensors: { a: floats(5, 1), b: floats(-1) }, share: 0.75 },
  ]
  const mean = averaged(parts)
  assert.deepEqual([...mean.get('a')!.data], [4, Math.fround(25_000_000.75)])
  assert.deepEqual([...mean.get('b')!.data], [0])
  assert.deepEqual([...averaged([...parts, { tensors: {}, share: 0 }]).get('a')!.data], [...mean.get('a')!.data])
  assert.throws(() => averaged([parts[0]!, { tensors: { a: floats(1) }, share: 0.5 }]), /tensor-mismatch/)
})

test('a part has the share of what it weighs; losses that differ in it are refused', () => {
  assert.deepEqual(sharesOf([[3], [1]]), [0.75, 0.25])
  assert.deepEqual(
    sharesOf([
      [3, 6],
      [1, 2],
    ]),
    [0.75, 0.25],
  )
  assert.throws(
    () =>
      sharesOf([
        [3, 4],
        [4, 4],
      ]),
    /unsupported.*one loss/,
  )
})

test('local steps: after a round the model is the mean of what members came to alone, by their samples', async (t) => {
  const parts = partsOf([64, 32])
  const { link, main } = await group(t, parts)
  const { members: _, balance: __, ...same } = plan(0, { shuffle: false, epochs: 1 })
  const models: ReadonlyMap<string, Float32Array>[] = []
  for (const [i, part] of parts.entries()) {
    await remote(link, dataset, `alone${i}`).put(part)
    const alone = remote(link, trainer, `alone${i}`, { timeoutMs: 600_000 })
    await alone.put(network({ statistics: true }), sgd)
    for await (const report of alone.run(await alone.fit({ ...same, dataset: `alone${i}` }))) assert.ok(report)
    models.push(weightsIn(await alone.export()))
  }
  await main.put(network({ statistics: true }), sgd)
  // The second has half of the samples, and makes half of the steps.
  const reports = await follow(main, await main.fit(plan(2, { shuffle: false, epochs: 1, mode: 'local', localSteps: 4 })))
  const last = reports.at(-1)!
  assert.deepEqual([last.status, last.step, last.members.map(({ counted }) => counted)], ['done', 4, [64, 32]])
  assert.equal(new Set(last.members.map(({ digest }) => digest)).size, 1)
  for (const [name, data] of weightsIn(await main.export()))
    assert.deepEqual(
      [...data],
      [...data].map((_, i) => Math.fround((models[0]!.get(name)![i]! * 64) / 96 + (models[1]!.get(name)![i]! * 32) / 96)),
      name,
    )
})

test('local steps, averaged now and then, learn', async (t) => {
  const { main } = await group(t, partsOf([150, 90]))
  await main.put(network(), { ...spec, schedule: { kind: 'constant' } })
  const reports = await follow(main, await main.fit(plan(2, { mode: 'local', balance: 'speed', localSteps: 4, epochs: 8, validate: { dataset: 'points', pipeline: plan(0).pipeline } }))) // prettier-ignore
  const curve = await main.curve()
  const last = reports.at(-1)!
  t.diagnostic(`loss ${curve[0]} to ${curve.at(-1)}, accuracy ${last.validation?.accuracy}`)
  assert.equal(curve.length, last.step)
  assert.ok(curve.at(-1)! < curve[0]! / 3)
  assert.ok((last.validation?.accuracy ?? 0) > 0.85)
})

test('batch statistics are those of each member; running ones are averaged, and members stay the same', async (t) => {
  const { main } = await group(t, partsOf([60, 41]))
  await main.put(network({ statistics: true }), spec)
  const before = weightsIn(network({ statistics: true }))
  const last = (await follow(main, await main.fit(plan(2)))).at(-1)!
  assert.ok(new Set(last.members.map(({ digest }) => digest)).size === 1 && last.members.every(({ drifted }) => drifted === undefined))
  const moved = [...weightsIn(await main.export())].filter(([name, data]) => /mean|var/.test(name) && data.some((value, i) => value !== before.get(name)![i])) // prettier-ignore
  assert.equal(moved.length, 2)
})

test('a member that joins in mid-epoch brings its samples into it', async (t) => {
  const each = 60
  const count = 3 * each
  const peers: Record<string, string> = {}
  for (const nth of [1, 2]) {
    const node = await startNode(t, { name: `n${nth}` })
    peers[`n${nth}`] = node.address
    await remote(linkTo(t, node.address), dataset, 'counted').put(countingSamples(nth * each, (nth + 1) * each, count))
  }
  const lead = await startNode(t, { name: 'n0', peers })
  const link = linkTo(t, lead.address)
  await remote(link, dataset, 'counted').put(countingSamples(0, each, count))
  const main = remote(link, parallelTrainer, 'main', { timeoutMs: 600_000 })
  await main.put(countingModel(count), countingSpec)
  let steps = 0
  // The epoch waits at the tenth step of a member until another has joined.
  timedMembers(t, async (site) => {
    if (site === 'n1' && ++steps === 10) await main.join({ site: 'n2', dataset: 'counted' })
    return 1
  })
  const reports = await follow(main, await main.fit(countingPlan(2, count)))
  const last = reports.at(-1)!
  assert.ok(steps > 10)
  assert.deepEqual(
    last.members.map(({ name, counted }) => [name, counted]),
    ['n0', 'n1', 'n2'].map((name) => [`${name}/counted`, each]),
  )
  checkCounted(await main.export(), () => true, last.step)
  await failing(main.join({ site: 'n2', dataset: 'counted' }), 'invalid-argument')
})

test('a slow member is given less to do, and is not waited for in equal parts', async (t) => {
  const { main } = await group(t, partsOf([160, 160]))
  // Whatever the machine is doing: a sample takes the one 1 ms, the other 50.
  const counted = new Map<string, number>()
  let behind: number | undefined
  timedMembers(t, (site, samples) => {
    counted.set(site, (counted.get(site) ?? 0) + samples)
    if (counted.get('n0') === 160) behind ??= counted.get('n1')
    return samples * (site === 'n1' ? 50 : 1)
  })
  await main.put(network(), sgd)
  const last = (await follow(main, await main.fit(plan(2, { balance: 'speed', epochs: 1 })))).at(-1)!
  assert.deepEqual([last.missed, last.members.map(({ counted: each }) => each)], [0, [160, 160]])
  // Two batches in halves, until the speeds are known; then one sample in each batch of 16.
  assert.ok(behind !== undefined && behind <= 48, `${behind} of 160 when the fast one has come to its end`)
})

test('what a member sends holds no bytes of its samples', async (t) => {
  const parts = partsOf([60, 60])
  for (const mode of ['synchronous', 'local'] as const) {
    const node = await startNode(t, { name: 'n1' })
    await putPart(t, node, parts[1]!)
    const wire = await tapped(t, node.address)
    const lead = await startNode(t, { name: 'n0', peers: { n1: wire.address } })
    await putPart(t, lead, parts[0]!)
    const main = remote(linkTo(t, lead.address), parallelTrainer, 'main', { timeoutMs: 600_000 })
    await main.put(network(), spec)
    await follow(main, await main.fit(plan(2, { mode })))
    const [there, back] = [wire.there(), wire.back()]
    for (const { id, bytes } of parts[1]!) {
      for (let at = 0; at < bytes.byteLength; at += 12)
        assert.ok(!back.includes(Buffer.from(bytes.subarray(at, at + 12))), `${id} was sent`)
      assert.ok(!back.includes(id))
    }
    // The tap sees what does go over the wire.
    const weights = weightsIn(network()).get('one.weight') ?? [...weightsIn(network()).values()].find(({ length }) => length > 100)!
    assert.ok(there.includes(Buffer.from(weights.buffer, weights.byteOffset + 64, 32)))
    assert.ok(back.byteLength > 10_000)
    t.diagnostic(`${mode}: ${there.byteLength} bytes there, ${back.byteLength} back`)
  }
})

test('a plan that cannot be is refused, with what to do', async (t) => {
  const { link, main } = await group(t, partsOf([20, 20]))
  await failing(main.fit(plan(2)), 'not-found')
  await main.put(network(), spec)
  const twice = await failing(main.fit({ ...plan(1), members: [0, 1].map(() => ({ site: 'n0', dataset: 'points' })) }), 'invalid-argument')
  assert.match(twice.message, /two members are named "n0\/points"/)
  const none = await main.fit({ ...plan(1), members: [{ site: 'n0', dataset: 'nowhere' }] })
  assert.match((await failing(follow(main, none), 'not-found')).message, /member "n0\/nowhere"/)
  assert.match((await main.status()).error ?? '', /nowhere/)
  const away = await main.fit({ ...plan(1, { waitMs: 50 }), members: [{ site: 'n9', dataset: 'points' }] })
  assert.match((await failing(follow(main, away), 'unavailable')).message, /--peer n9=/)
  const member = remote(link, trainingMember, 'main')
  assert.match((await failing(member.step(randomUUID(), 1, {}), 'session-ended')).message, /open it again/)
  await failing(member.step('none', 1, {}), 'permission-denied')
  assert.ok(apart(await main.export(), network()) === 0)
})
