import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, dataLoader, dataset, defineObject, inProcessNode, schema } from '../../src/index.ts'
import { photoFile, randomPipeline } from '../support/material.ts'

const counter = defineObject({
  name: 'counter',
  state: () => ({ total: 0 }),
  schema: schema.object({ total: schema.integer() }),
  methods: { add: (self, by: number) => (self.state.total += by) },
  readonly: { total: (self) => self.state.total },
})

test('a node in this process has the same types as one behind a port', async () => {
  const node = await inProcessNode({ name: 'edge', objects: [counter] })
  await using client = await connect({ sites: { edge: { role: 'node', host: node } }, policy: { yaml: 'version: 1\nstrategy: node\n' } })
  const visits = client.object(counter, 'visits')
  await Promise.all(Array.from({ length: 20 }, () => visits.add(1)))
  assert.equal(await visits.total(), 20)

  await client.object(dataset, 'photos').put([{ id: 'a', bytes: photoFile(1), label: 7 }])
  const batches = []
  for await (const batch of client.wrap(dataLoader({ dataset: 'photos', pipeline: randomPipeline, batchSize: 1 }))) batches.push(batch)
  assert.deepEqual(
    batches.map(({ ids, labels, data }) => ({ ids, labels, shape: data.shape })),
    [{ ids: ['a'], labels: [7], shape: [1, 3, 64, 64] }],
  )
})
