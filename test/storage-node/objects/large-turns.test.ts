import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextMoment } from 'node:timers/promises'
import { ContentRef } from '../../../src/core/content.ts'
import { defineObject } from '../../../src/core/define.ts'
import { integer, object } from '../../../src/core/schema.ts'
import type { ReadonlyTable } from '../../../src/core/self.ts'
import { connect } from '../../../src/sdk/connect.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { keyOf, type Store } from '../../../src/storage-node/store/store.ts'
import { verifyStore } from '../../../src/storage-node/verify/verify.ts'
import { failing } from '../../contracts/transport.ts'
import { createHostOver } from '../host-over.ts'
import { remote, startNode, temporaryFolder } from '../support.ts'

const ROWS = 7000
const name = (row: number) => String(row).padStart(6, '0')

const all = (table: ReadonlyTable): [string, unknown][] => {
  const found: [string, unknown][] = []
  for (let after: string | undefined; ;) {
    const page = table.entries({ ...(after !== undefined && { after }) })
    found.push(...page.map(([key, value]): [string, unknown] => [key, value instanceof ContentRef ? value.hash : value]))
    after = page.at(-1)?.[0]
    if (page.length < 1000) return found
  }
}

/** Many rows, changed in one turn. */
const rows = defineObject({
  name: 'rows',
  state: () => ({ sum: 0 }),
  schema: object({ sum: integer() }),
  methods: {
    async set(self, from: number, to: number, value: number, fail = false) {
      const content = await self.content.put(Buffer.alloc(2000, value))
      const table = self.table('rows')
      for (let row = from; row < to; row++) table.put(name(row), row % 100 === 0 ? content : value)
      self.state.sum += to - from
      if (fail) throw new Error('as asked')
      return content.hash
    },
    remove(self, from: number, to: number) {
      const table = self.table('rows')
      for (let row = from; row < to; row++) table.delete(name(row))
      self.state.sum -= to - from
    },
  },
  readonly: {
    all: (self) => ({ sum: self.state.sum, rows: all(self.table('rows')) }),
  },
})

const expected = (model: ReadonlyMap<number, unknown>, sum: number) => ({
  sum,
  rows: [...model].toSorted(([a], [b]) => a - b).map(([row, value]): [string, unknown] => [name(row), value]),
})

test('a turn that changes many entries keeps the others, also after a restart, and its references are counted', async (t) => {
  const data = temporaryFolder(t)
  const node = await startNode(t, { data, objects: [rows] })
  const client = await connect({ node: node.address })
  t.after(() => client.close())
  const model = new Map<number, unknown>()
  let sum = 0
  const set = async (from: number, to: number, value: number) => {
    const hash = await client.object(rows, 'a').set(from, to, value)
    for (let row = from; row < to; row++) model.set(row, row % 100 === 0 ? hash : value)
    sum += to - from
  }
  await set(0, ROWS, 1)
  assert.deepEqual(await client.object(rows, 'a').all(), expected(model, sum))
  await set(ROWS - 1000, ROWS + 5000, 2)
  await client.object(rows, 'a').remove(500, 6000)
  for (let row = 500; row < 6000; row++) model.delete(row)
  sum -= 5500
  await set(0, 10, 3)
  assert.deepEqual(await client.object(rows, 'a').all(), expected(model, sum))
  await client.close()
  await node.close()
  assert.deepEqual((await verifyStore(data)).problems, [])
  const again = await startNode(t, { data, objects: [rows] })
  const other = await connect({ node: again.address })
  t.after(() => other.close())
  assert.deepEqual(await other.object(rows, 'a').all(), expected(model, sum))
})

/** A store that fails at a commit, and all that it has had. */
const failingAt = (inner: Store, nth: number) => {
  let commits = 0
  return {
    ...inner,
    commit: (writes: Parameters<Store['commit']>[0]) =>
      writes.length > 1 && ++commits === nth ? Promise.reject(new Error('the disk, as asked')) : inner.commit(writes),
  }
}

test('a large turn that fails, at whichever of its commits, changes nothing and leaves nothing', async () => {
  for (let nth = 3; nth < 12; nth++) {
    const inner = memoryStore()
    const first = createHostOver(inner, [rows])
    const before = remote(first, rows, 'a')
    await before.set(0, 20, 1)
    const was = await before.all()
    await first.close()
    const host = createHostOver(failingAt(inner, nth), [rows])
    const client = remote(host, rows, 'a')
    const failed = await client.set(0, ROWS, 2).then(
      () => false,
      () => true,
    )
    if (failed) assert.deepEqual(await client.all(), was)
    await failing(client.set(0, ROWS, 3, true), 'method-threw')
    await host.close()
    // What a process that ended in between has left is cleared away by the next.
    const next = createHostOver(inner, [rows])
    while (inner.range(keyOf('space'), { limit: 1 }).length > 0) await nextMoment()
    await next.close()
    const again = createHostOver(inner, [rows])
    const other = remote(again, rows, 'a')
    const now = await other.all()
    if (failed) assert.deepEqual(now, was)
    else assert.equal(now.rows.length, ROWS)
    const spaces = new Set(inner.range(keyOf('table'), { limit: 100_000 }).map(([key]) => key.split('\0')[1]))
    assert.equal(spaces.size, 1, `entries lie in ${spaces.size} spaces`)
    await again.close()
  }
})
