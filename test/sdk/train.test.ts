import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { setPriority } from 'node:os'
import { test, type TestContext } from 'node:test'
import { createShaper, startLink } from '../../benchmarks/support/link.ts'
import { opDraws } from '../../src/core/random.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { linear } from '../../src/graph/layers.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { type Client, connect, dataset, ObjectRef, type Progress, trainer, type TrainingJob, type TrainOptions } from '../../src/index.ts'
import { network, plan, pointsOf, spec } from '../objects/trainer/material.ts'
import { startNodeProcess } from '../storage-node/node-process.ts'
import { temporaryFolder } from '../storage-node/support.ts'

const nodeAt = (t: TestContext, ...args: string[]) => startNodeProcess(t, ['--data', temporaryFolder(t), '--threads', '1', ...args])
const yamlOf = (strategy: string, more = '') => ({ yaml: `version: 1\nstrategy: ${strategy}\n${more}` })
const clientOf = async (t: TestContext, options: Parameters<typeof connect>[0]): Promise<Client> => {
  const client = await connect({ threads: 1, ...options })
  t.after(() => client.close())
  return client
}
const through = async (job: TrainingJob): Promise<readonly Progress[]> => {
  const reports: Progress[] = []
  for await (const report of job) reports.push(report)
  return reports
}
const request = (more: Partial<TrainOptions> = {}): TrainOptions => ({ name: 'main', model: network(), trainer: spec, fit: plan({ epochs: 2 }), ...more }) // prettier-ignore

test('each strategy trains where it says, with the same losses and weights to the bit', async (t) => {
  const node = await nodeAt(t)
  const cloud = await nodeAt(t, '--name', 'pool', '--tier', 'cloud', '--peer', `node=${node.address}`)
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
  const node = await nodeAt(t)
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
  const [node, cloud] = [await nodeAt(t), await nodeAt(t, '--name', 'pool', '--tier', 'cloud')]
  const client = await clientOf(t, { node: node.address, cloud: cloud.address, policy: yamlOf('cloud') })
  await client.object(dataset, 'points').put(pointsOf(60))
  await assert.rejects(client.train(request({ place: 'cloud' })), { code: 'invalid-argument', message: /pool cannot fetch.*--peer node=/ })
  const job = await client.train(request())
  assert.equal(job.site, 'node')
  assert.match(job.decision?.because ?? '', /cloud is not there: node instead; pool cannot fetch the data/)
})

const WIDTH = 4096
const wide = (): Uint8Array => {
  const b = new GraphBuilder({ name: 'wide' })
  b.output(linear({ b, seed: 3 }, 'one', b.input('x', 'float32', ['N', WIDTH]), 3), 'logits')
  return writeGraph({ graph: b.build() })
}
const widePlan = plan({ epochs: 2, pipeline: [{ op: 'tensor', dtype: 'float32', shape: [WIDTH] }] })
const wideSamples = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const draws = opDraws(1, 0, `wide ${i}`, 0)
    return { id: `w${i}`, bytes: new Uint8Array(Float32Array.from({ length: WIDTH }, () => draws.uniform()).buffer), label: i % 3 }
  })

test('the cost model keeps much data behind a slow link where it is', async (t) => {
  const node = await nodeAt(t)
  const filling = await clientOf(t, { node: node.address })
  for (let part = 0; part < 4; part++) await filling.object(dataset, 'points').put(wideSamples(1024).slice(part * 256, part * 256 + 256))
  const link = await startLink({ shaper: createShaper({ rttMs: 20, bitsPerSecond: 16e6 }), to: node.address })
  t.after(() => link.close())
  const client = await clientOf(t, { node: link.address })
  const job = await client.train(request({ model: wide(), fit: widePlan }))
  const { decision } = job
  assert.equal(job.site, 'node', decision?.because)
  assert.match(decision?.because ?? '', /^node .* ms, the best predicted/)
  const [here, there] = ['local', 'node'].map((site) => decision?.options.find(({ sites }) => sites[0] === site))
  // 16 MiB at 2 MB/s are 8 s.
  assert.ok((here?.parts?.move ?? 0) > 4000 && (here?.parts?.move ?? 0) < 40_000, JSON.stringify(decision?.options))
  assert.ok((there?.parts?.compute ?? 0) > 0)
  assert.equal((await through(job)).at(-1)?.status, 'done')
  const [entry] = client.decisions().slice(-1)
  assert.deepEqual([...(entry?.ranOn ?? [])], ['node'])
  assert.deepEqual(entry?.decision.options, decision?.options)
})

test('the cost model takes a small training away from a node that is busy', async (t) => {
  const node = await nodeAt(t)
  const filling = await clientOf(t, { node: node.address })
  await filling.object(dataset, 'points').put(pointsOf(300))
  // Other trainings on the node, whose threads also give way to this process.
  const load = new AbortController()
  t.after(() => load.abort())
  const busy = []
  for (let i = 0; i < 3; i++) {
    const job = await filling.train(request({ name: `busy-${i}`, model: network({ width: 2048 }), fit: plan({ epochs: 10_000 }), place: 'node', signal: load.signal })) // prettier-ignore
    const reports = job[Symbol.asyncIterator]()
    await reports.next()
    busy.push((async () => { for (;;) if ((await reports.next()).done === true) return })()) // prettier-ignore
  }
  const over = Promise.allSettled(busy)
  const pid = node.child.pid ?? assert.fail('no process')
  for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), 19)
  const client = await clientOf(t, { node: node.address })
  const job = await client.train(request({ model: network({ width: 256 }), fit: plan({ epochs: 100 }) }))
  assert.equal(job.site, 'local', job.decision?.because)
  const [here, there] = ['local', 'node'].map((site) => job.decision?.options.find(({ sites }) => sites[0] === site))
  assert.ok((there?.parts?.compute ?? 0) > (here?.parts?.compute ?? Infinity), job.decision?.because)
  load.abort()
  await over
})

test('a training stays where it was begun: it is resumed there', async (t) => {
  const node = await nodeAt(t)
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
  const node = await nodeAt(t)
  const client = await clientOf(t, { node: node.address })
  await client.object(dataset, 'points').put(pointsOf(60))
  await assert.rejects(client.train(request({ trainer: { ...spec, trainable: ['three.*'] } })), {
    code: 'invalid-argument',
    message: /three/,
  })
  await assert.rejects(client.train(request({ model: new Uint8Array(8) })), { code: 'bad-model' })
  assert.equal(client.decisions().length, 0)
})
