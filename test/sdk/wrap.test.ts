import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bytesOf } from '../../src/core/tensor.ts'
import {
  type Batch,
  type BatchData,
  type Client,
  connect,
  createStorageNode,
  dataLoader,
  dataset,
  model,
  pipeline,
  site,
  type StorageNode,
  Tensor,
  withCall,
} from '../../src/index.ts'
import { failure } from '../../src/core/errors.ts'
import { batchStages } from '../../src/objects/loader/batch-stages.ts'
import type { Transport } from '../../src/core/transport.ts'
import { blazeFace, facePipeline, photoFile, photoFolder, randomPipeline } from '../support/material.ts'
import { temporaryFolder } from '../support/node-process.ts'

const bytes = (data: BatchData) =>
  data instanceof Tensor
    ? Buffer.from(bytesOf(data)).toString('base64')
    : Object.entries(data).map(([name, tensor]) => `${name} ${tensor.shape.join('x')} ${Buffer.from(bytesOf(tensor)).toString('base64')}`)
const all = async (batches: AsyncIterable<Batch<BatchData>>) => {
  const seen = []
  for await (const { ids, data, labels, epoch, index } of batches) seen.push({ ids, labels, epoch, index, data: bytes(data) })
  return seen
}
const strategies = ['local', 'node', 'cloud', 'threshold', 'cost-model'] as const

describe('a wrapped loader', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let edge: StorageNode
  let cloud: StorageNode
  /** A cloud that may not fetch from the edge: clients supply it. */
  let stranger: StorageNode
  const clients: Client[] = []
  const clientOf = async (strategy: string, far = cloud) => {
    const client = await connect({
      node: edge.address,
      cloud: far.address,
      policy: { yaml: `version: 1\nstrategy: ${strategy}\nthreshold: { offloadAboveBytes: 100KiB }\n` },
    })
    clients.push(client)
    return client
  }
  before(async () => {
    folder = await temporaryFolder()
    edge = await createStorageNode({ data: `${folder.path}/edge`, listen: '127.0.0.1:0', name: 'edge', adopt: [photoFolder] })
    cloud = await createStorageNode({ data: `${folder.path}/cloud`, listen: '127.0.0.1:0', name: 'cloud', peers: { edge: edge.address } })
    stranger = await createStorageNode({ data: `${folder.path}/stranger`, listen: '127.0.0.1:0', name: 'stranger' })
    const client = await clientOf('node')
    await client.object(dataset, 'photos').adopt(photoFolder, { include: 'sample*.jpg' })
    await client.object(model, 'faces').put(blazeFace())
  })
  after(async () => {
    for (const client of clients) await client.close()
    for (const node of [edge, cloud, stranger]) await node.close()
    await folder[Symbol.asyncDispose]()
  })

  test('gives the same batches in the same order as the bare one, under every strategy', async () => {
    const client = await clientOf('local')
    const options = { pipeline: randomPipeline, batchSize: 4, shuffle: true, seed: 9 }
    const expected = await all(dataLoader({ dataset: client.object(dataset, 'photos'), ...options }).epoch(3))
    assert.deepEqual(
      expected.map(({ ids }) => ids.length),
      [4, 2],
    )
    assert.notDeepEqual(
      expected.flatMap(({ ids }) => ids),
      expected.flatMap(({ ids }) => ids).toSorted(),
      'the epoch is shuffled',
    )
    for (const strategy of strategies) {
      const other = await clientOf(strategy)
      assert.deepEqual(await all(other.wrap(dataLoader({ dataset: 'photos', ...options })).epoch(3)), expected, strategy)
    }
  })

  test('gives the same model outputs under every strategy', async () => {
    const options = { dataset: 'photos', pipeline: facePipeline, model: 'faces', batchSize: 3 } as const
    const expected = await all((await clientOf('local')).wrap(dataLoader(options)).epoch(0))
    for (const strategy of strategies)
      assert.deepEqual(await all((await clientOf(strategy)).wrap(dataLoader(options)).epoch(0)), expected, strategy)
  })

  test('iterated twice it goes from epoch to epoch', async () => {
    const loader = (await clientOf('node')).wrap(dataLoader({ dataset: 'photos', pipeline: randomPipeline, batchSize: 6, shuffle: true }))
    const [first, second] = [await all(loader), await all(loader)]
    assert.deepEqual([first[0]?.epoch, second[0]?.epoch], [0, 1])
    assert.notDeepEqual(first[0]?.data, second[0]?.data)
  })

  test('a site that may not fetch is supplied by the client, once', async () => {
    const client = await clientOf('cloud', stranger)
    const wrapped = client.wrap(dataLoader({ dataset: 'photos', pipeline: randomPipeline, batchSize: 6 }))
    const sent = () => client.links().find(({ site: name }) => name === 'stranger')?.bytesSent ?? 0
    const [before] = [sent()]
    const batches = await all(wrapped.epoch(0))
    const cold = sent() - before
    assert.ok(cold > 1_000_000, `the photos travelled: ${cold} bytes`)
    await all(wrapped.epoch(1))
    assert.ok(sent() - before - cold < 10_000, 'the second epoch sent references alone')
    // A cache that was emptied is noticed and filled again.
    await withCall(client.object(site, 'main'), { place: 'stranger' }).dropCaches()
    assert.deepEqual(await all(wrapped.epoch(0)), batches)
  })

  test('a site with a peer fetches by itself, and says how much', async () => {
    const client = await clientOf('cloud')
    await withCall(client.object(site, 'main'), { place: 'cloud' }).dropCaches()
    const stats = () => withCall(client.object(site, 'main'), { place: 'cloud' }).stats()
    const before = (await stats()).bytesFetched
    const loader = client.wrap(dataLoader({ dataset: 'photos', pipeline: randomPipeline, batchSize: 6 }))
    await all(loader.epoch(0))
    const cold = (await stats()).bytesFetched - before
    assert.equal(cold, (await client.object(dataset, 'photos').describe()).bytes)
    await all(loader.epoch(1))
    assert.equal((await stats()).bytesFetched - before, cold)
  })

  test('an iterable of batches is untouched until stages are added, and then placed', async () => {
    const images = [photoFile(1), photoFile(2)]
    function* source() {
      yield { ids: ['a', 'b'], data: images, labels: [1, 0], extra: 'kept' }
    }
    const client = await clientOf('node')
    const plain = []
    for await (const item of client.wrap(source())) plain.push(item)
    assert.deepEqual(plain, [...source()])

    const faces = await client.object(model, 'faces').describe()
    const outputs = []
    for await (const batch of client.wrap(source()).map(facePipeline).forward(faces)) outputs.push(batch)
    assert.deepEqual(
      outputs.map(({ ids, labels, index }) => ({ ids, labels, index })),
      [{ ids: ['a', 'b'], labels: [1, 0], index: 0 }],
    )
    const direct = await all(client.wrap(dataLoader({ dataset: 'photos', pipeline: facePipeline, model: 'faces', batchSize: 2 })).epoch(0))
    assert.deepEqual(bytes(outputs[0]!.data), direct[0]?.data, 'the same as the loader over the same photos')
    assert.ok(client.decisions().some(({ call }) => call === 'wrapped.batch'))
  })

  /** Batches as one stage after the other makes them, by calls of their own. */
  const stageByStage = async (client: Client, batches: readonly (readonly Uint8Array[])[]) => {
    const { hash, file, external, mode, batch, inputs } = await client.object(model, 'faces').describe()
    const found = []
    for (const [index, images] of batches.entries()) {
      const samples = images.map((content, row) => ({ id: `${index}/${row}`, content }))
      const pixels = await client.object(pipeline, 'main').run({ ops: facePipeline }, samples, { seed: 0, epoch: 0 })
      const handle = { hash, file, external, mode, ...(batch !== undefined && { batch }) }
      const outputs = await client.object(batchStages, 'main').forward({ ...handle, input: inputs[0]!.name }, pixels)
      found.push(bytes(outputs))
    }
    return found
  }

  test('a batch of a loader of another library goes through all stages in one call, and its tensor crosses no link', async () => {
    const client = await clientOf('node')
    const faces = await client.object(model, 'faces').describe()
    const batches = [1, 2, 3, 4, 5].map((index) => [photoFile(index), photoFile(index + 1)])
    const sent = () => client.links().reduce((sum, { bytesSent }) => sum + bytesSent, 0)
    const calls = async () => (await client.object(site, 'main').stats()).calls
    const before = { sent: sent(), calls: await calls() }
    const outputs = []
    for await (const { data, index } of client.wrap(batches).map(facePipeline).forward(faces)) outputs.push({ index, data: bytes(data) })
    // The second `stats` is counted too.
    assert.equal((await calls()) - before.calls - 1, batches.length)
    const images = batches.flat().reduce((sum, { byteLength }) => sum + byteLength, 0)
    assert.ok(sent() - before.sent < images + batches.length * 4096, `${sent() - before.sent} bytes for ${images} of images`)
    const made = client.decisions().filter(({ call }) => call === 'wrapped.batch')
    assert.deepEqual(
      made.map(({ ranOn }) => ranOn),
      batches.map(() => ['edge', 'edge']),
    )
    const expected = await stageByStage(client, batches)
    assert.deepEqual(
      outputs,
      expected.map((data, index) => ({ index, data })),
    )
    for (const strategy of ['local', 'cloud', 'cost-model']) {
      const other = await clientOf(strategy)
      const again = []
      for await (const { data } of other.wrap(batches, { prefetch: 0 }).map(facePipeline).forward(faces)) again.push(bytes(data))
      assert.deepEqual(again, expected)
    }
  })

  test('a loader may use its memory again for each batch', async () => {
    const client = await clientOf('node')
    const shape = [2, 8, 8, 3]
    const pixels = (fill: number) => new Uint8Array(2 * 8 * 8 * 3).fill(fill)
    const spec = [{ op: 'normalize', mean: [0, 0, 0], std: [1, 1, 1] } as const]
    function* reusing() {
      const memory = pixels(0)
      const batch = new Tensor('uint8', memory, shape)
      for (let fill = 1; fill <= 12; fill++) {
        memory.fill(fill)
        yield batch
      }
    }
    const own = Array.from({ length: 12 }, (_, index) => new Tensor('uint8', pixels(index + 1), shape))
    const read = async (source: Iterable<Tensor>, prefetch: number) => {
      const seen = []
      for await (const { data } of client.wrap(source, { prefetch }).map(spec)) seen.push(bytes(data))
      return seen
    }
    const expected = await read(own, 2)
    assert.equal(new Set(expected.map(String)).size, 12)
    for (const prefetch of [0, 1, 5]) assert.deepEqual(await read(reusing(), prefetch), expected)
    await assert.rejects(read(own, 257), /\[invalid-argument\] .*prefetch/)
  })

  test('a node that does not know chains of stages is asked for one after the other', async () => {
    const faces = await (await clientOf('node')).object(model, 'faces').describe()
    const { host } = edge
    const asked: string[] = []
    const older: Transport = {
      ...host,
      call: (call) => {
        asked.push(`${call.type}.${call.method}`)
        return call.method === 'chain' ? Promise.reject(failure('unknown-method', 'batch has no method "chain"')) : host.call(call)
      },
    }
    const client = await connect({ sites: { edge: { role: 'node', host: older } }, policy: { yaml: 'version: 1\nstrategy: node\n' } })
    clients.push(client)
    asked.length = 0
    const batches = [[photoFile(1), photoFile(2)], [photoFile(3)]]
    const outputs = []
    for await (const { data } of client.wrap(batches, { prefetch: 0 }).map(facePipeline).forward(faces)) outputs.push(bytes(data))
    assert.deepEqual(outputs, await stageByStage(client, batches))
    assert.deepEqual(asked.slice(0, 5), ['batch.chain', 'batch.preprocess', 'batch.forward', 'batch.preprocess', 'batch.forward'])
  })

  test('a reader that stops early leaves nothing running', async () => {
    const client = await clientOf('node')
    for await (const batch of client
      .wrap(dataLoader({ dataset: 'photos', pipeline: randomPipeline, batchSize: 1, prefetch: 4 }))
      .epoch(0)) {
      assert.equal(batch.index, 0)
      break
    }
    await edge.host.admission.idle()
    assert.equal(edge.host.admission.inFlight, 0)
  })

  test('a loader over a name alone says that it must be wrapped', async () => {
    await assert.rejects(
      async () => all(dataLoader({ dataset: 'photos', pipeline: randomPipeline, batchSize: 1 }).epoch(0)),
      /\[invalid-argument\] .*wrap the loader/,
    )
  })

  test('every decision keeps its reason and what it cost', async () => {
    const client = await clientOf('threshold')
    await all(client.wrap(dataLoader({ dataset: 'photos', pipeline: randomPipeline, batchSize: 3 })).epoch(0))
    const decisions = client.decisions()
    assert.equal(decisions.length, 2)
    for (const { decision, totalMs, failed } of decisions) {
      assert.match(decision.because, /\d/)
      assert.ok(totalMs > 0 && !failed)
    }
  })
})
