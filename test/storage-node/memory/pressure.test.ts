import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { defineObject } from '../../../src/core/define.ts'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { bytes, integer, object } from '../../../src/core/schema.ts'
import { computeKinds, createCompute } from '../../../src/storage-node/compute/pool.ts'
import { atPath, face, opener, source } from '../compute/models.ts'
import { linkTo, remote, startNode, temporaryFolder } from '../support.ts'

const block = defineObject({
  name: 'block',
  state: () => ({ stamp: 0, data: new Uint8Array() }),
  schema: object({ stamp: integer(), data: bytes() }),
  methods: {
    set: (self, stamp: number, data: Uint8Array) => {
      self.state = { stamp, data }
    },
  },
  readonly: { get: (self) => self.state },
})

const CALLERS = 8
const OBJECTS = 200
const BYTES = 60 * 1024

const insist = async <T>(call: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!isActiveStorageError(error, 'overloaded')) throw error
      await pause(20)
    }
  }
}

test('a node at its limit of memory loses no write that it has acknowledged', async (t) => {
  const data = temporaryFolder(t)
  const acknowledged = new Map<string, number>()
  {
    const node = await startNode(t, { data, objects: [block], memoryBytes: 64 * 1024 ** 2 })
    const link = linkTo(t, node.address)
    await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        for (let nth = 0; nth < 3 * OBJECTS; nth += CALLERS) {
          const id = `o${(nth % OBJECTS) + caller}`
          const stamp = nth + 1
          await insist(() => remote(link, block, id).set(stamp, new Uint8Array(BYTES).fill(stamp)))
          acknowledged.set(id, stamp)
          const seen = await insist(() => remote(link, block, id).get())
          assert.equal(seen.stamp, stamp)
        }
      }),
    )
    await node.close()
  }
  const node = await startNode(t, { data, objects: [block], memoryBytes: 64 * 1024 ** 2 })
  const link = linkTo(t, node.address)
  assert.equal(acknowledged.size, OBJECTS)
  for (const [id, stamp] of acknowledged) {
    const { stamp: kept, data: held } = await insist(() => remote(link, block, id).get())
    assert.equal(kept, stamp)
    assert.ok(held.byteLength === BYTES && held.every((byte) => byte === stamp % 256))
  }
})

for (const kind of computeKinds)
  test(`idle workers end with their sessions, those at work do not, and the next task starts new ones (${kind})`, async (t) => {
    const compute = createCompute({ threads: 1, kind, openModel: opener({ f: atPath(face) }) })
    t.after(() => compute.close())
    const live = new AbortController().signal
    assert.equal(await compute.endIdle(), false, 'there are none')
    const working = compute.inspect(source('f'), live)
    assert.equal(await compute.endIdle(), false, 'at work')
    await working
    assert.equal(compute.stats().workers, 1)
    assert.equal(await compute.endIdle(), true)
    assert.equal(compute.stats().workers, 0)
    assert.equal((await compute.inspect(source('f'), live)).outputs.length, 4)
  })
