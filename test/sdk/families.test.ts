import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import sharp from 'sharp'
import { bytesOf } from '../../src/core/tensor.ts'
import {
  type Batch,
  type BatchData,
  type Client,
  connect,
  createStorageNode,
  dataLoader,
  dataset,
  type Op,
  type StorageNode,
  Tensor,
} from '../../src/index.ts'
import { end, entry } from '../objects/dataset/tars.ts'
import { temporaryFolder } from '../support/node-process.ts'

const all = async (batches: AsyncIterable<Batch<BatchData>>) => {
  const seen = []
  for await (const { ids, labels, data } of batches)
    seen.push({
      ids,
      labels,
      data: Object.entries(data instanceof Tensor ? { data } : data).map(
        ([name, tensor]) => `${name} ${tensor.shape.join('x')} ${Buffer.from(bytesOf(tensor)).toString('base64')}`,
      ),
    })
  return seen
}

describe('batches of every kind of sample', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let edge: StorageNode
  let cloud: StorageNode
  const clients = new Map<string, Client>()
  const loaders = new Map<string, { readonly dataset: string; readonly pipeline: readonly Op[]; readonly cache?: 'decoded' }>()
  before(async () => {
    folder = await temporaryFolder()
    const files = join(folder.path, 'files')
    mkdirSync(join(files, 'graph'), { recursive: true })
    edge = await createStorageNode({ data: join(folder.path, 'edge'), listen: '127.0.0.1:0', name: 'edge', adopt: [files] })
    // It may not fetch from the edge: clients supply it.
    cloud = await createStorageNode({ data: join(folder.path, 'cloud'), listen: '127.0.0.1:0', name: 'cloud' })
    for (const strategy of ['node', 'local', 'cloud'])
      clients.set(
        strategy,
        await connect({ node: edge.address, cloud: cloud.address, policy: { yaml: `version: 1\nstrategy: ${strategy}\n` } }),
      )
    const client = clients.get('node')!
    const write = (name: string, bytes: string | Buffer) => {
      writeFileSync(join(files, name), bytes)
      return join(files, name)
    }
    const images = await Promise.all(
      Array.from({ length: 12 }, (_, seed) =>
        sharp(
          Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * (seed + 3)) & 255),
          { raw: { width: 16, height: 16, channels: 3 } },
        )
          .jpeg()
          .toBuffer(),
      ),
    )
    await client
      .object(dataset, 'images')
      .adopt(write('i.tar', Buffer.concat([...images.map((image, index) => entry(`${index % 3}/${index}.jpg`, image)), end])), {
        labels: 'class',
      })
    loaders.set('images', {
      dataset: 'images',
      pipeline: [{ op: 'decode' }, { op: 'random-crop', width: 16, height: 16, padding: 2 }, { op: 'flip' }, { op: 'normalize' }],
    })
    loaders.set('images kept decoded', { ...loaders.get('images')!, cache: 'decoded' })
    await client
      .object(dataset, 'series')
      .adopt(
        write('s.csv', `g,x,y\n${Array.from({ length: 30 }, (_, row) => `${row % 2},${row / 4},${row % 5 === 0 ? 1 : 0}`).join('\n')}\n`),
        { group: 'g', label: 'y', features: ['x'] },
      )
    loaders.set('windows', {
      dataset: 'series',
      pipeline: [
        { op: 'tensor', dtype: 'float32', shape: [1] },
        { op: 'window', length: 4, label: 'any' },
        { op: 'standardize', mean: 3, std: 2 },
      ],
    })
    await client
      .object(dataset, 'texts')
      .adopt(write('t.csv', `text\n${Array.from({ length: 10 }, (_, row) => `"word${row % 4} and, word${row % 3}"`).join('\n')}\n`), {
        text: 'text',
      })
    const vocabulary = await client.object(dataset, 'texts').buildVocabulary()
    loaders.set('texts', {
      dataset: 'texts',
      pipeline: [
        { op: 'tokenize', level: 'word', vocabulary: vocabulary.content },
        { op: 'pad', length: 6 },
      ],
    })
    write(
      'graph/nodes.tsv',
      `id\tkind\twords\n${Array.from({ length: 20 }, (_, node) => `n${node}\tk${node % 2}\t${node % 7} ${(node * 3) % 7}`).join('\n')}\n`,
    )
    write(
      'graph/edges.tsv',
      `source\ttarget\n${Array.from({ length: 60 }, (_, edgeNumber) => `${edgeNumber % 20}\t${(edgeNumber * 7 + 1) % 20}`).join('\n')}\n`,
    )
    await client.object(dataset, 'graph').adopt(join(files, 'graph'), { format: 'graph', label: 'kind', words: 'words' })
    loaders.set('nodes', { dataset: 'graph', pipeline: [{ op: 'neighbours', fanouts: [2, 2] }] })
  })
  after(async () => {
    for (const client of clients.values()) await client.close()
    await edge.close()
    await cloud.close()
    await folder[Symbol.asyncDispose]()
  })

  for (const kind of ['images', 'images kept decoded', 'windows', 'texts', 'nodes']) {
    test(`${kind}: the same bits on every site, in every epoch its own`, async () => {
      const options = { ...loaders.get(kind)!, batchSize: 5, shuffle: true, seed: 3 }
      const expected = []
      for (const epoch of [0, 1]) expected.push(await all(clients.get('node')!.wrap(dataLoader<BatchData>(options)).epoch(epoch)))
      assert.notDeepEqual(expected[0], expected[1])
      for (const strategy of ['local', 'cloud', 'node'])
        for (const epoch of [0, 1])
          assert.deepEqual(await all(clients.get(strategy)!.wrap(dataLoader<BatchData>(options)).epoch(epoch)), expected[epoch], strategy)
    })
  }

  test('keeping images decoded changes no bit', async () => {
    const of = (name: string) =>
      all(
        clients
          .get('node')!
          .wrap(dataLoader<BatchData>({ ...loaders.get(name)!, batchSize: 4, shuffle: true }))
          .epoch(2),
      )
    assert.deepEqual(await of('images kept decoded'), await of('images'))
  })
})
