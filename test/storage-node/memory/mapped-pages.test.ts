import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { pageReleaser } from '../../../src/storage-node/memory/mapped-pages.ts'
import { resident } from '../../../src/storage-node/memory/resident.ts'
import { watchedStore } from '../../../src/storage-node/memory/watched-store.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { temporaryFolder } from '../support.ts'

const MIB = 1024 ** 2
const READS = 500
const skip = process.platform !== 'linux' && 'there is no /proc'

test('pages of a store that were read are let go of, and read again as they were', { skip }, async (t) => {
  const folder = join(temporaryFolder(t), 'store')
  const store = await lmdbStore(folder)
  t.after(() => store.close())
  const values = Array.from({ length: 512 }, () => randomBytes(64 * 1024))
  for (let nth = 0; nth < values.length; nth += 64)
    await store.commit(values.slice(nth, nth + 64).map((value, at) => ({ key: `k${nth + at}`, value })))
  const release = await pageReleaser(join(folder, 'data.mdb'))
  const readAll = () => values.forEach((value, nth) => assert.ok(store.get(`k${nth}`)?.equals(value)))
  readAll()
  const before = resident().mapped
  release()
  const after = resident().mapped
  assert.ok(before - after > 24 * MIB, `${before} bytes mapped, then ${after}`)
  readAll()
})

test('reads, snapshots and commits stay right while pages are let go of again and again, and while the file grows', { skip }, async (t) => {
  const folder = join(temporaryFolder(t), 'store')
  const store = await lmdbStore(folder)
  t.after(() => store.close())
  const release = await pageReleaser(join(folder, 'data.mdb'))
  const keys = Array.from({ length: 64 }, (_, nth) => `k${nth}`)
  // Every byte of a value is its number: one that is torn, zeroed or old shows.
  const valueOf = (stamp: number) => Buffer.alloc(20_000 + (stamp % 7) * 5000, stamp % 251)
  const stampOf = (value: Buffer | undefined) => {
    assert.ok(value !== undefined && value.every((byte) => byte === value[0]) && (value.byteLength - 20_000) % 5000 === 0)
    return value[0]
  }
  let going = true
  const acknowledged = new Map<string, number>()
  const write = async (writer: number) => {
    const own = keys.filter((_, nth) => nth % 4 === writer)
    for (let stamp = 1; going; stamp++) {
      for (const key of own) {
        await store.commit([
          { key, value: valueOf(stamp) },
          { key: `grow-${key}-${stamp}`, value: valueOf(stamp) },
        ])
        acknowledged.set(key, stamp)
      }
    }
  }
  const writers = Promise.all([0, 1, 2, 3].map(write))
  let reads = 0
  // Each reader's round meets commits that were made since the one before.
  while (reads < READS || acknowledged.size < keys.length) {
    release()
    const snapshot = await store.snapshot()
    for (const [key, stamp] of acknowledged) {
      const seen = stampOf(store.get(key))
      assert.ok(seen === stamp % 251 || seen === (stamp + 1) % 251, `${key}: ${seen} instead of ${stamp}`)
      release()
      assert.equal(stampOf(snapshot.get(key)), seen)
      reads++
    }
    snapshot.done()
    await new Promise((resolve) => setImmediate(resolve))
  }
  going = false
  await writers
  for (const [key, stamp] of acknowledged) assert.equal(stampOf(store.get(key)), stamp % 251)
})

test('a watched store is the store, and tells of what its reads and commits may take', async () => {
  let touched = 0
  const store = watchedStore(memoryStore(), (bytes) => {
    touched += bytes
  })
  const since = () => {
    const told = touched
    touched = 0
    return told
  }
  await store.commit([{ key: 'a', value: Buffer.alloc(1000) }])
  assert.ok(since() > 1000)
  assert.equal(store.get('a')?.byteLength, 1000)
  assert.ok(since() > 1000)
  assert.equal(store.get('b'), undefined)
  const snapshot = await store.snapshot()
  assert.equal(snapshot.get('a')?.byteLength, 1000)
  assert.ok(since() > 1000)
  assert.equal(snapshot.range('', { limit: 10 }).length, 1)
  assert.ok(since() > 1000)
  snapshot.done()
  assert.throws(() => snapshot.get('a'), { code: 'deadline-exceeded' })
})
