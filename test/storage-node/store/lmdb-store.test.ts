import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import { storeContract } from '../../contracts/store.ts'
import { temporaryFolder } from '../support.ts'

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

test('a key beyond the longest is refused as too large, and reads as absent', async (t) => {
  const store = await lmdbStore(join(temporaryFolder(t), 'store'))
  t.after(() => store.close())
  const key = 'k'.repeat(1901)
  await assert.rejects(store.commit([{ key, value: Buffer.alloc(1) }]), { code: 'too-large' })
  assert.equal(store.get(key), undefined)
  const longest = 'k'.repeat(1900)
  await store.commit([{ key: longest, value: Buffer.from('x') }])
  assert.equal(store.get(longest)?.toString(), 'x')
})

test('a folder that cannot be one is refused as storage-failed, naming it', async (t) => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, 'not a folder')
  await assert.rejects(lmdbStore(join(file, 'store')), { code: 'storage-failed', message: /file\/store/ })
})
