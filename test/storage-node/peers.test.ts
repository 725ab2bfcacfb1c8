import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ContentRef } from '../../src/core/content.ts'
import type { CallReport } from '../../src/core/transport.ts'
import { content } from '../../src/objects/content.ts'
import { dataset, type Sample } from '../../src/objects/dataset/dataset.ts'
import { model } from '../../src/objects/model/model.ts'
import { pipeline } from '../../src/objects/pipeline/pipeline.ts'
import type { PipelineSpec } from '../../src/objects/pipeline/spec.ts'
import { site } from '../../src/objects/site.ts'
import type { StorageNode } from '../../src/storage-node/node.ts'
import { bytesOf, Tensor } from '../../src/core/tensor.ts'
import { failing } from '../contracts/transport.ts'
import { faceModel, photo } from '../objects/data.ts'
import { linkTo, remote, startNode } from './support.ts'

const spec: PipelineSpec = { ops: [{ op: 'decode' }, { op: 'resize', width: 24, height: 24 }] }
const key = { seed: 1, epoch: 0 }

const photosOn = async (t: TestContext, node: StorageNode): Promise<readonly Sample[]> => {
  const photos = remote(linkTo(t, node.address, node.name), dataset, 'photos')
  await photos.put([1, 2, 3].map((number) => ({ id: `${number}.jpg`, bytes: photo(number as 1) })))
  return photos.list({})
}
const reported = (t: TestContext, node: StorageNode) => {
  const reports: CallReport[] = []
  const run = remote(linkTo(t, node.address, node.name), pipeline, 'main', { onReport: (report) => reports.push(report) }).run
  return { reports, run }
}
const total = [1, 2, 3].reduce((sum, number) => sum + photo(number as 1).byteLength, 0)

test('a node fetches inputs from its peer by hash, counts their bytes, and keeps them', async (t) => {
  const a = await startNode(t, { name: 'a' })
  const b = await startNode(t, { name: 'b', peers: { a: a.address } })
  const samples = await photosOn(t, a)
  const { reports, run } = reported(t, b)
  const there = await run(spec, samples, key)
  const again = await run(spec, samples, key)
  assert.deepEqual(
    reports.map(({ bytesFetched, site: where }) => [where, bytesFetched]),
    [
      ['b', total],
      ['b', 0],
    ],
  )
  assert.ok(reports[0]!.fetchMs > 0 && reports[1]!.fetchMs === 0)
  assert.ok(reports[0]!.bytesSent < 2000, 'the client sent references, not the photos')

  const home = await reported(t, a).run(spec, samples, key)
  for (const batch of [there, again]) assert.ok(Buffer.from(bytesOf(batch)).equals(Buffer.from(bytesOf(home))))
  const stats = await remote(linkTo(t, b.address, 'b'), site).stats()
  assert.deepEqual([stats.bytesFetched, stats.cacheBytes], [total, total])

  await remote(linkTo(t, b.address, 'b'), site).dropCaches()
  await run(spec, samples, key)
  assert.equal(reports[2]?.bytesFetched, total)
})

test('many calls at once fetch each input once', async (t) => {
  const a = await startNode(t, { name: 'a' })
  const b = await startNode(t, { name: 'b', peers: { a: a.address } })
  const samples = await photosOn(t, a)
  const { reports, run } = reported(t, b)
  await Promise.all(Array.from({ length: 8 }, () => run(spec, samples, key)))
  assert.equal(
    reports.reduce((sum, { bytesFetched }) => sum + bytesFetched, 0),
    total,
  )
})

test('without its home as a peer the inputs are missing, and go on where the client supplies them', async (t) => {
  const a = await startNode(t, { name: 'a' })
  const b = await startNode(t, { name: 'b' })
  const samples = await photosOn(t, a)
  const { reports, run } = reported(t, b)
  const error = await failing(run(spec, samples, key), 'missing-inputs')
  assert.match(error.message, /b lacks 3 inputs at home on a.*--peer/)
  const details: unknown = error.details
  assert.deepEqual(details, { hashes: samples.map((sample) => sample.content.hash) })

  const store = remote(linkTo(t, b.address, 'b'), content)
  assert.deepEqual(
    await store.supply([1, 2, 3].map((number) => photo(number as 1))),
    samples.map((sample) => sample.content.hash),
  )
  assert.deepEqual(await store.has([samples[0]!.content.hash, '0'.repeat(64)]), [true, false])
  assert.deepEqual((await run(spec, samples, key)).shape[0], 3)
  assert.equal(reports.at(-1)?.bytesFetched, 0)
})

test("a reference names a site, never an address: a stranger's name is missing, and the peer that is gone as well", async (t) => {
  const a = await startNode(t, { name: 'a' })
  const b = await startNode(t, { name: 'b', peers: { a: a.address } })
  const [sample] = await photosOn(t, a)
  assert.ok(sample !== undefined)
  const { run } = reported(t, b)
  const elsewhere = new ContentRef(sample.content.hash, sample.content.bytes, 'stranger')
  await failing(run(spec, [{ id: 'x', content: elsewhere }], key), 'missing-inputs')
  assert.throws(() => new ContentRef(sample.content.hash, 1, '127.0.0.1:7070'), { code: 'invalid-argument' })
  await a.close({ graceMs: 100 })
  await failing(run(spec, [sample], key), 'missing-inputs')
})

test('a hash that the peer does not have is missing, beside those that it has', async (t) => {
  const a = await startNode(t, { name: 'a' })
  const b = await startNode(t, { name: 'b', peers: { a: a.address } })
  const samples = await photosOn(t, a)
  const { run } = reported(t, b)
  const lost = new ContentRef('0'.repeat(64), 5, 'a')
  await failing(run(spec, [...samples, { id: 'lost', content: lost }], key), 'missing-inputs')
  assert.equal((await run(spec, samples, key)).shape[0], 3)
})

test("two nodes that are each other's peers do not ask in a circle", async (t) => {
  const a = await startNode(t, { name: 'a' })
  const b = await startNode(t, { name: 'b', peers: { a: a.address } })
  const lost = new ContentRef('0'.repeat(64), 5, 'b')
  await failing(reported(t, b).run(spec, [{ id: 'lost', content: lost }], key), 'missing-inputs')
})

test('a model of one node runs on another, with the same bits', async (t) => {
  const a = await startNode(t, { name: 'a' })
  const b = await startNode(t, { name: 'b', peers: { a: a.address } })
  const home = remote(linkTo(t, a.address, 'a'), model, 'face')
  const source = await home.put(faceModel())
  const sides = source.inputs[0]!.shape.map(Number)
  const feeds = {
    [source.inputs[0]!.name]: new Tensor(
      'float32',
      Float32Array.from({ length: sides.reduce((x, y) => x * y, 1) }, (_, i) => (i % 255) / 255),
      sides,
    ),
  }
  const reports: CallReport[] = []
  const there = await remote(linkTo(t, b.address, 'b'), model, 'any', { onReport: (report) => reports.push(report) }).forward(source, feeds)
  assert.deepStrictEqual(there, await home.forward(source, feeds))
  assert.equal(reports[0]?.bytesFetched, faceModel().byteLength)
})
