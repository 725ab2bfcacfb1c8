import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { takesByCount } from '../../../src/objects/parallel/takes.ts'
import type { TrainerSpec } from '../../../src/objects/trainer/spec.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import { remote } from '../../storage-node/support.ts'
import { spec } from '../trainer/material.ts'
import { apart, follow, group, network, partsOf, plan } from './material.ts'

/** The samples in the order in which joined batches have them, as one data set whose batches are those. */
const joined = (parts: ReturnType<typeof partsOf>, batch: number) => {
  const stocks = parts.map((part) => ({ count: part.length, next: 0 }))
  const order: ReturnType<typeof partsOf>[number] = []
  while (stocks.some(({ count, next }) => next < count))
    for (const [i, take] of takesByCount(stocks, batch).entries()) {
      const stock = stocks[i]!
      order.push(...parts[i]!.slice(stock.next, stock.next + take))
      stock.next += take
    }
  return order.map((sample, i) => ({ ...sample, id: String(i).padStart(6, '0') }))
}

const sgd: TrainerSpec = { ...spec, optimizer: { kind: 'sgd', momentum: 0.9 }, learningRate: 0.05 }
const adam: TrainerSpec = { ...spec, learningRate: 0.003 }
const weighed: TrainerSpec = { ...sgd, loss: { kind: 'cross-entropy', classWeights: [1, 3, 0.5], ignore: 2, labelSmoothing: 0.1 } }
for (const [name, how, sizes] of [
  ['two nodes, SGD', sgd, [80, 47]],
  ['two nodes, Adam and clipping', adam, [40, 80]],
  ['two nodes, classes that weigh differently, and one that is ignored', weighed, [50, 61]],
  ['four nodes, SGD', sgd, [30, 70, 20, 41]],
  ['four nodes, Adam and clipping', adam, [33, 33, 33, 33]],
] as const)
  test(`${name}: the model is that of one node that trains on the joined batches, within 1e-5`, async (t) => {
    const parts = partsOf(sizes)
    const { link, main } = await group(t, parts)
    const alone = remote(link, trainer, 'alone', { timeoutMs: 600_000 })
    await remote(link, dataset, 'joined').put(joined(parts, 16))
    for (const each of [main, alone]) await each.put(network(), how)
    const reports = await follow(main, await main.fit(plan(sizes.length, { shuffle: false })))
    const { members: _, balance: __, ...same } = plan(0)
    for await (const report of alone.run(await alone.fit({ ...same, dataset: 'joined', shuffle: false }))) assert.ok(report)
    const last = reports.at(-1)!
    const distance = apart(await main.export(), await alone.export())
    t.diagnostic(`${last.step} steps, ${distance} apart`)
    assert.ok(last.step > 10)
    assert.ok(distance < 1e-5, `${distance} apart`)
    const curve = await alone.curve()
    for (const [i, loss] of (await main.curve()).entries()) assert.ok(Math.abs(loss - curve[i]!) < 1e-5)
    assert.ok(apart(await main.export(), network()) > 0.01, 'nothing was trained')
    assert.equal(last.status, 'done')
    assert.equal(last.missed, 0)
    assert.deepEqual(
      last.members.map(({ counted }) => counted),
      [...sizes],
    )
    const digests = new Set(last.members.map(({ digest }) => digest))
    assert.ok(digests.size === 1 && !digests.has(undefined), 'members have the same bits')
    assert.ok(last.members.every(({ drifted }) => drifted === undefined))
  })

test('the same plan gives the same bits again, paused and resumed or not', async (t) => {
  const { main } = await group(t, partsOf([70, 30]))
  await main.put(network({ statistics: true }), adam)
  const how = plan(2, { epochs: 6, checkpointEvery: 5 })
  await follow(main, await main.fit(how))
  const [curve, file] = [await main.curve(), await main.export()]
  let run = await main.fit({ ...how, epochs: 3 })
  await follow(main, run, () => main.pause())
  assert.equal((await main.status()).status, 'paused')
  run = await main.resume({ epochs: 6 })
  await follow(main, run)
  assert.deepEqual(await main.curve(), curve)
  assert.deepEqual(await main.export(), file)
})
