import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteName } from '../../src/core/ids.ts'
import { keyOf } from '../../src/storage-node/store/store.ts'
import { memoryStore } from '../../src/storage-node/store/memory-store.ts'
import { nameOfStore, noteName } from '../../src/storage-node/store/format.ts'
import { createStorageNode } from '../../src/storage-node/node.ts'
import { startNode, temporaryFolder } from './support.ts'

const edge = siteName('edge')

test('a folder keeps the name that a node first used it under, and refuses another', async (t) => {
  const data = temporaryFolder(t)
  await (await startNode(t, { data, name: 'edge' })).close()
  await assert.rejects(createStorageNode({ data, name: 'fog', listen: '127.0.0.1:0' }), {
    code: 'invalid-argument',
    message: /belongs to the node "edge".*start it with --name edge or without --name, or give "fog" another --data folder/,
  })
  // Without a name it is the noted one.
  const again = await startNode(t, { data })
  assert.equal(again.name, 'edge')
})

test('a start that fails notes no name', async (t) => {
  const data = temporaryFolder(t)
  const other = await startNode(t)
  await assert.rejects(createStorageNode({ data, name: 'edge', listen: other.address }), { code: 'address-in-use' })
  assert.equal((await startNode(t, { data, name: 'fog' })).name, 'fog')
})

test('an older folder takes the name that is given, and is not named by default', async () => {
  const store = memoryStore()
  await store.commit([{ key: keyOf('object', 'dataset', 'a'), value: Buffer.alloc(1) }])
  await noteName(store, nameOfStore(store, 'data', undefined), false)
  assert.equal(nameOfStore(store, 'data', edge), 'edge')
  await noteName(store, edge, true)
  assert.throws(() => nameOfStore(store, 'data', siteName('fog')), { code: 'invalid-argument' })
})
