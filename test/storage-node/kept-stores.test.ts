import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { withCall } from '../../src/core/remote.ts'
import { connect } from '../../src/sdk/connect.ts'
import { lmdbStore } from '../../src/storage-node/store/lmdb-store.ts'
import { keyOf } from '../../src/storage-node/store/store.ts'
import { failing } from '../contracts/transport.ts'
import { keepsake } from './fixtures/keepsake.ts'
import { startNode, temporaryFolder } from './support.ts'

const stores = fileURLToPath(new URL('./fixtures/stores', import.meta.url))

/** A copy of a kept store. */
const unpacked = (t: TestContext, name: string): string => {
  const folder = temporaryFolder(t)
  for (const entry of readdirSync(join(stores, name), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const to = join(folder, relative(join(stores, name), path).replace(/\.gz$/, ''))
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, gunzipSync(readFileSync(path)))
  }
  return folder
}

for (const name of readdirSync(stores)) {
  test(`a store of ${name} opens, and everything is there`, async (t) => {
    const node = await startNode(t, { data: unpacked(t, name), name: 'edge', objects: [keepsake] })
    const client = await connect({ node: node.address })
    t.after(() => client.close())
    const first = client.object(keepsake, 'first')
    const all = await first.all()
    assert.deepEqual([all.count, all.notes], [4, ['one', 'two', 'three', 'four']])
    assert.deepEqual(all.rows, ['row 1: one', 'row 2: two', 'row 3: three', 'row 4: four'])
    assert.deepEqual([all.friend?.id, all.friend?.home], ['second', 'edge'])
    assert.equal(await first.picture(), 'a picture')
    assert.equal((await client.object(keepsake, 'second').all()).blob.byteLength, 100_000)
    assert.equal((await client.aliases.get('best'))?.target.id, 'first')
    assert.equal((await client.objects.history(keepsake, 'first')).length, 1)
    // Its call is a day old at some time, and its record then gone: within that time it is found again.
    assert.ok((await withCall(first, { idempotencyKey: 'new-key' }).note('five')) === 5)
    const { contents } = await withCall(client.object((await import('../../src/objects/site.ts')).site, 'main'), { place: 'node' }).collect(
      { dryRun: true },
    )
    assert.equal(contents, 0)
  })
}

test('a store of another format is refused, and so is one without', async (t) => {
  for (const [value, says] of [
    ['2', /format 2/],
    [undefined, /no format noted/],
  ] as const) {
    const data = temporaryFolder(t)
    const store = await lmdbStore(join(data, 'store'))
    await store.commit([
      { key: keyOf('object', 'a', 'b'), value: Buffer.alloc(1) },
      ...(value === undefined ? [] : [{ key: keyOf('format'), value: Buffer.from(value) }]),
    ])
    await store.close()
    const error = await failing(startNode(t, { data }), 'unsupported')
    assert.match(error.message, says)
  }
})
