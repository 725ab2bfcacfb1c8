import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataset, ObjectRef, trainer } from '../../src/index.ts'
import { plan, pointsOf, spec } from '../objects/trainer/material.ts'
import { startNode } from '../storage-node/support.ts'
import { clientOf, request, through, yamlOf } from './training.ts'

test('each strategy trains where it says, with the same losses and weights to the bit', async (t) => {
  const node = await startNode(t)
  const cloud = await startNode(t, { name: 'pool', tier: 'cloud', peers: { node: node.address } })
  const found = []
  for (const strategy of ['local', 'node', 'cloud']) {
    const client = await clientOf(t, { node: node.address, cloud: cloud.address, policy: yamlOf(strategy) })
    if (found.length === 0) await client.object(dataset, 'points').put(pointsOf(300))
    const job = await client.train(request())
    const reports = await through(job)
    const { status, step } = await job.status()
    found.push({ site: job.site, status, step, curve: await job.trainer.curve(), file: await job.export() })
    assert.deepEqual(
      reports.flatMap(({ losses }) => losses),
      found.at(-1)?.curve,
    )
    const entry = client.decisions().at(-1)!
    assert.equal(entry.call, 'trainer.fit')
    assert.deepEqual([...entry.ranOn], [job.site])
    assert.equal(entry.decision.because, `the strategy is ${strategy}`)
    assert.equal(entry.failed, false)
  }
  const [first, ...others] = found
  assert.deepEqual(
    found.map(({ site, status, step }) => ({ site, status, step })),
    ['local', 'node', 'pool'].map((site) => ({ site, status: 'done', step: 38 })),
  )
  for (const { curve, file } of others) {
    assert.deepEqual(curve, first?.curve)
    assert.deepEqual(file, first?.file)
  }
})

test('a rule decides before the cost model, and a place named by the caller before both', async (t) => {
  const node = await startNode(t)
  const rules =
    'rules:\n  - { name: small sets come here, match: { type: trainer }, when: { call.inputBytes: { below: 1MiB } }, place: local }\n'
  const client = await clientOf(t, { node: node.address, policy: yamlOf('cost-model', rules) })
  await client.object(dataset, 'points').put(pointsOf(60))
  const here = await client.train(request())
  assert.equal(here.site, 'local')
  assert.match(here.decision?.because ?? '', /small sets come here/)
  const there = await client.train(
    request({ place: 'node', fit: plan({ dataset: new ObjectRef('dataset', 'points', 'node'), epochs: 1 }) }),
  )
  assert.equal(there.site, 'node')
  assert.equal(there.decision, undefined)
  assert.equal((await through(there)).at(-1)?.status, 'done')
  assert.equal((await client.object(trainer, 'main').status()).status, 'done')
})

test('where the cloud cannot fetch the data, it is no place for a training, and says so', async (t) => {
  const [node, cloud] = [await startNode(t), await startNode(t, { name: 'pool', tier: 'cloud' })]
  const client = await clientOf(t, { node: node.address, cloud: cloud.address, policy: yamlOf('cloud') })
  await client.object(dataset, 'points').put(pointsOf(60))
  await assert.rejects(client.train(request({ place: 'cloud' })), { code: 'invalid-argument', message: /pool cannot fetch.*--peer node=/ })
  const job = await client.train(request())
  assert.equal(job.site, 'node')
  assert.match(job.decision?.because ?? '', /cloud is not there: node instead; pool cannot fetch the data/)
})

test('a training stays where it was begun: it is resumed there', async (t) => {
  const node = await startNode(t)
  const client = await clientOf(t, { node: node.address, policy: yamlOf('local') })
  await client.object(dataset, 'points').put(pointsOf(300))
  const whole = await client.train(request({ name: 'whole', fit: plan({ epochs: 20 }) }))
  await through(whole)
  const job = await client.train(request({ name: 'parts', fit: plan({ epochs: 20 }) }))
  for await (const report of job) if (report.step > 0) break
  assert.equal((await job.status()).status, 'interrupted')
  for await (const _ of job.trainer.run(await job.trainer.resume())) continue
  assert.deepEqual(await job.trainer.curve(), await whole.trainer.curve())
  assert.deepEqual(await job.export(), await whole.export())
})

test('what cannot be trained is refused before anything is begun', async (t) => {
  const node = await startNode(t)
  const client = await clientOf(t, { node: node.address })
  await client.object(dataset, 'points').put(pointsOf(60))
  await assert.rejects(client.train(request({ trainer: { ...spec, trainable: ['three.*'] } })), {
    code: 'invalid-argument',
    message: /three/,
  })
  await assert.rejects(client.train(request({ model: new Uint8Array(8) })), { code: 'bad-model' })
  assert.equal(client.decisions().length, 0)
})
