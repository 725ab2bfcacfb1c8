import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, dataLoader, dataset, type Batch, type Client, type Tensor } from '../../src/index.ts'
import { bytesOf } from '../../src/core/tensor.ts'
import { fixedAddress } from '../crash/node.ts'
import { photoFolder, randomPipeline } from '../support/material.ts'
import { startNodeProcess, temporaryFolder } from '../support/node-process.ts'

const summary = ({ ids, data, epoch, index }: Batch<Tensor>) => ({
  ids,
  epoch,
  index,
  bytes: Buffer.from(bytesOf(data)).toString('base64'),
})

const loaderOf = (client: Client) =>
  dataLoader({ dataset: client.object(dataset, 'photos'), pipeline: randomPipeline, batchSize: 1, shuffle: true, seed: 3, prefetch: 2 })

/** The batches of three epochs, with something done after a number of them. */
const collect = async (epochs: (epoch: number) => AsyncIterable<Batch<Tensor>>, after: number, act: () => Promise<void>) => {
  const seen: ReturnType<typeof summary>[] = []
  for (let epoch = 0; epoch < 3; epoch++) {
    for await (const batch of epochs(epoch)) {
      seen.push(summary(batch))
      if (seen.length === after) await act()
    }
  }
  return seen
}
const nothing = () => Promise.resolve()

test('a cloud node killed in mid-iteration: no batch is lost, doubled or changed', async () => {
  await using folder = await temporaryFolder()
  await using edge = await startNodeProcess(`${folder.path}/edge`, ['--name', 'edge', '--adopt', photoFolder])
  await using cloud = await startNodeProcess(`${folder.path}/cloud`, [
    '--name',
    'cloud',
    '--tier',
    'cloud',
    '--peer',
    `edge=${edge.address}`,
  ])
  await using client = await connect({ node: edge.address, cloud: cloud.address, policy: { yaml: 'version: 1\nstrategy: cloud\n' } })
  await client.object(dataset, 'photos').adopt(photoFolder, { include: 'sample*.jpg' })
  const loader = loaderOf(client)
  const expected = await collect(loader.epoch, Infinity, nothing)
  assert.equal(expected.length, 18)

  const seen = await collect(client.wrap(loader).epoch, 5, cloud.kill)
  assert.deepEqual(seen, expected)
  const places = client
    .decisions()
    .filter(({ failed }) => !failed)
    .map(({ ranOn }) => ranOn[0])
  assert.ok(places.includes('cloud'), 'the cloud ran batches before it died')
  assert.ok(
    places.some((place) => place !== 'cloud'),
    'another site ran batches after it',
  )
})

test('the home of the data killed in mid-iteration: the loop goes on where the content is kept', async () => {
  await using folder = await temporaryFolder()
  await using edge = await startNodeProcess(`${folder.path}/edge`, ['--name', 'edge', '--adopt', photoFolder])
  await using client = await connect({ node: edge.address, policy: { yaml: 'version: 1\nstrategy: node\n' } })
  await client.object(dataset, 'photos').adopt(photoFolder, { include: 'sample*.jpg' })
  // Iterating the loader itself runs here, and so brings the photos into this process.
  const loader = loaderOf(client)
  const expected = await collect(loader.epoch, Infinity, nothing)

  // The list of samples is read at the start of an epoch, so the node dies within the last.
  const seen = await collect(client.wrap(loader).epoch, 14, edge.kill)
  assert.deepEqual(seen, expected)
  const places = client
    .decisions()
    .filter(({ failed }) => !failed)
    .map(({ ranOn }) => ranOn[0])
  assert.deepEqual(new Set<string | undefined>(places), new Set(['edge', 'local']))
})

test('a home that comes back in time: the loop waits for it', async () => {
  await using folder = await temporaryFolder()
  // Its own while it is down, so that no connection takes it meanwhile.
  const args = ['--name', 'edge', '--adopt', photoFolder, '--listen', await fixedAddress([])]
  const first = await startNodeProcess(`${folder.path}/edge`, args)
  await using client = await connect({ node: first.address, policy: { yaml: 'version: 1\nstrategy: node\n' } })
  await client.object(dataset, 'photos').adopt(photoFolder, { include: 'sample*.jpg' })
  const loader = loaderOf(client)
  let second: Promise<AsyncDisposable> | undefined
  try {
    const seen = await collect(client.wrap(loader).epoch, 14, async () => {
      await first.kill()
      second = startNodeProcess(`${folder.path}/edge`, args)
    })
    assert.ok(second !== undefined, 'the node was not started again')
    await second
    assert.deepEqual(seen, await collect(loader.epoch, Infinity, nothing))
  } finally {
    await (await second)?.[Symbol.asyncDispose]()
  }
})
