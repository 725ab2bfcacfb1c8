import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { resident } from '../../../src/storage-node/memory/resident.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import { storeContract } from '../../contracts/store.ts'
import { temporaryFolder } from '../support.ts'
import { smallDisk } from './disks.ts'

storeContract('LMDB store', async (t) => {
  const store = await lmdbStore(join(temporaryFolder(t), 'store'))
  t.after(() => store.close())
  return store
})

test('what was committed is there when the folder is opened again', async (t) => {
  const folder = join(temporaryFolder(t), 'store')
  const first = await lmdbStore(folder)
  await first.commit([{ key: 'a', value: Buffer.from('kept') }])
  await first.close()
  const second = await lmdbStore(folder)
  t.after(() => second.close())
  assert.equal(second.get('a')?.toString(), 'kept')
})

test('a folder that cannot be one is refused as storage-failed, naming it', async (t) => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, 'not a folder')
  await assert.rejects(lmdbStore(join(file, 'store')), { code: 'storage-failed', message: /file\/store/ })
})

test('a backup made while commits go on holds every commit acknowledged before it, and none in part', async (t) => {
  const folder = temporaryFolder(t)
  const store = await lmdbStore(join(folder, 'store'))
  t.after(() => store.close())
  // Each commit of a writer replaces all of its ten entries, so a torn one shows as two numbers among them.
  const [writers, entries] = [8, 10]
  const acknowledged = new Array<number>(writers).fill(0)
  let going = true
  const write = async (writer: number) => {
    for (let i = 1; going; i++) {
      const value = Buffer.alloc(2000, `${i};`)
      await store.commit(Array.from({ length: entries }, (_, entry) => ({ key: `w${writer}-${entry}`, value })))
      acknowledged[writer] = i
    }
  }
  const writing = Array.from({ length: writers }, (_, writer) => write(writer))
  while (acknowledged.some((count) => count < 5)) await setImmediate()
  for (let copy = 0; copy < 3; copy++) {
    const before = [...acknowledged]
    const to = join(folder, 'backups', `${copy}`)
    await store.backup(to)
    assert.ok(!existsSync(`${to}.partial`))
    const restored = await lmdbStore(to)
    for (let writer = 0; writer < writers; writer++) {
      const numbers = new Set(restored.range(`w${writer}-`, { limit: 99 }).map(([, value]) => parseInt(value.toString(), 10)))
      assert.equal(numbers.size, 1, 'a commit is torn')
      assert.ok(
        [...numbers][0]! >= before[writer]!,
        `writer ${writer}: ${[...numbers][0]}, acknowledged before the backup: ${before[writer]}`,
      )
      assert.equal(restored.range(`w${writer}-`, { limit: 99 }).length, entries)
    }
    // The copy is a store like any.
    await restored.commit([{ key: 'w0-0', value: Buffer.from('changed') }])
    await restored.close()
  }
  going = false
  await Promise.all(writing)
})

test('a backup needs a folder of its own, and one that fails leaves nothing', async (t) => {
  const folder = temporaryFolder(t)
  const store = await lmdbStore(join(folder, 'store'))
  t.after(() => store.close())
  await assert.rejects(store.backup(join(folder, 'store')), { code: 'already-exists', message: /folder of its own/ })
  writeFileSync(join(folder, 'file'), '')
  await assert.rejects(store.backup(join(folder, 'file', 'copy')), { code: 'storage-failed', message: /file\/copy/ })
  const disk = smallDisk(t, 1)
  if (disk === undefined) return
  await store.commit([{ key: 'a', value: Buffer.alloc(3 * 1024 ** 2) }])
  await assert.rejects(store.backup(join(disk, 'copy')), { code: 'read-only' })
  assert.deepEqual(readdirSync(disk), [])
})

test('a store of a hundred thousand entries, grown from nothing, opens without its entries being read', async (t) => {
  const folder = join(temporaryFolder(t), 'store')
  const first = await lmdbStore(folder)
  for (let part = 0; part < 10; part++) {
    await first.commit(Array.from({ length: 10_000 }, (_, i) => ({ key: `k${part}-${i}`, value: Buffer.alloc(100, part) })))
  }
  await first.close()
  const before = resident().mapped
  const again = await lmdbStore(folder)
  const touched = resident().mapped - before
  t.after(() => again.close())
  assert.equal(again.get('k9-9999')?.[0], 9)
  // Reading all entries would bring all pages of the file into memory.
  const { size } = statSync(join(folder, 'data.mdb'))
  assert.ok(size > 10 * 1024 ** 2 && touched < size / 4, `${touched} of ${size} bytes were read`)
})

test('a closed store refuses commits', async (t) => {
  const store = await lmdbStore(join(temporaryFolder(t), 'store'))
  const last = store.commit([{ key: 'a', value: Buffer.from('1') }])
  await store.close()
  await last
  await assert.rejects(store.commit([{ key: 'a', value: Buffer.from('2') }]), { code: 'unavailable' })
})

test('a store whose file has been cut short is refused; one whose pages are gone says so when they are read', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'data.mdb')
  const first = await lmdbStore(folder)
  for (let i = 0; i < 20; i++) await first.commit([{ key: `k${i}`, value: Buffer.alloc(3000, i) }])
  await first.close()
  const whole = readFileSync(file)
  for (const bytes of [100, 4096, 12_288, 40_000]) {
    writeFileSync(file, whole.subarray(0, bytes))
    await assert.rejects(lmdbStore(folder), { code: 'storage-failed', message: /cut short.*backup/ })
  }
  // As blocks that never came to the disk read.
  writeFileSync(file, Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.byteLength - 8192)]))
  await assert.rejects(lmdbStore(folder), { code: 'storage-failed', message: /data\.mdb is damaged: page \d+ .*backup/ })
  // Where the store is too large to be looked through. LMDB notices this damage itself.
  const damaged = await lmdbStore(folder, { checkBytes: 0 })
  const snapshot = await damaged.snapshot()
  for (const view of [damaged, snapshot]) {
    assert.throws(() => view.get('k1'), { code: 'storage-failed', message: /cannot be read.*backup/ })
    assert.throws(() => view.range('k', { limit: 10 }), { code: 'storage-failed' })
  }
  snapshot.done()
  await damaged.close()
  writeFileSync(file, whole)
  const again = await lmdbStore(folder)
  assert.equal(again.range('k', { limit: 100 }).length, 20)
  await again.close()
})
