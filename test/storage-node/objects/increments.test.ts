import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../../src/sdk/connect.ts'
import { startNode } from '../support.ts'
import { chain } from './chain-object.ts'

test('1,000 increments at once by 50 clients give 1,000', async (t) => {
  const node = await startNode(t, { objects: [chain] })
  const clients = await Promise.all(Array.from({ length: 50 }, () => connect({ node: node.address })))
  t.after(() => Promise.all(clients.map((client) => client.close())))
  const counts = await Promise.all(
    clients.flatMap((client) => Array.from({ length: 20 }, () => client.object(chain, 'shared').add(1) as Promise<number>)),
  )
  assert.deepEqual(
    counts.toSorted((a, b) => a - b),
    Array.from({ length: 1000 }, (_, index) => index + 1),
  )
  assert.equal(await clients[0]!.object(chain, 'shared').count(), 1000)
  assert.equal((await clients[0]!.object(chain, 'shared').rows()).length, 1000)
})
