import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, inProcessNode, isActiveStorageError, model, Tensor, withCall } from '../../src/index.ts'
import { division } from '../storage-node/compute/killers.ts'

const feeds = (a: bigint, b: bigint) => ({
  a: new Tensor('int64', BigInt64Array.of(a), [1]),
  b: new Tensor('int64', BigInt64Array.of(b), [1]),
})

test('a call that ended a process at one place is not sent to another', async () => {
  const near = await inProcessNode({ name: 'near' })
  const far = await inProcessNode({ name: 'far' })
  try {
    await using client = await connect({
      sites: { near: { role: 'node', host: near }, far: { role: 'cloud', host: far } },
      policy: { yaml: 'version: 1\nstrategy: node\n' },
    })
    const { hash, file, external, mode } = await client.object(model, 'm').put(division)
    const handle = { hash, file, external, mode }
    for (const place of ['node', 'cloud', 'local'] as const)
      await withCall(client.object(model, 'm'), { place }).forward(handle, feeds(6n, 3n))
    const before = far.stats().calls
    await assert.rejects(client.object(model, 'm').forward(handle, feeds(-(2n ** 63n), -1n)), (error: unknown) => {
      assert.ok(isActiveStorageError(error, 'model-crashed'))
      assert.match(error.message, /SIGFPE/)
      assert.equal(error.origin.site, 'near')
      return true
    })
    assert.equal(far.stats().calls, before)
    assert.deepEqual(
      [near, far].map((host) => host.stats().compute?.crashes),
      [1, 0],
    )
    // Refused from the third on, and not sent on either.
    await assert.rejects(client.object(model, 'm').forward(handle, feeds(-(2n ** 63n), -1n)), { code: 'model-crashed' })
    await assert.rejects(client.object(model, 'm').forward(handle, feeds(6n, 3n)), { code: 'model-quarantined' })
    assert.equal(far.stats().calls, before)
    assert.deepEqual(
      near.stats().compute?.quarantined.map((entry) => entry.hash),
      [hash],
    )
  } finally {
    await near.close()
    await far.close()
  }
})
