import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { folderContent } from '../../../src/storage-node/content/folder-content.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { contentStoreContract } from '../../contracts/content-store.ts'
import { temporaryFolder } from '../support.ts'

contentStoreContract('content in a folder', (t) => Promise.resolve(folderContent(join(temporaryFolder(t), 'content'), memoryStore(), [])))

const prepared = (t: TestContext) => {
  const base = temporaryFolder(t)
  const [photos, secrets] = [join(base, 'photos'), join(base, 'secrets')]
  for (const folder of [photos, secrets, join(base, 'photos-of-others')]) mkdirSync(folder)
  writeFileSync(join(photos, 'a.jpg'), 'a photo')
  writeFileSync(join(secrets, 'key.jpg'), 'a secret')
  writeFileSync(join(base, 'photos-of-others', 'b.jpg'), 'not yours')
  const store = memoryStore()
  return { base, photos, secrets, folder: join(base, 'content'), store, open: () => folderContent(join(base, 'content'), store, [photos]) }
}

test('an adopted file is read where it lies, also by the next process', async (t) => {
  const { photos, open } = prepared(t)
  const { hash, bytes } = await open().adopt(join(photos, 'a.jpg'))
  assert.equal(bytes, 7)
  assert.equal(Buffer.from((await open().read(hash)) ?? []).toString(), 'a photo')
})

test('nothing outside the allowed folders is adopted: not by "..", a link, or a name that begins alike', async (t) => {
  const { base, photos, secrets, open } = prepared(t)
  symlinkSync(join(secrets, 'key.jpg'), join(photos, 'link.jpg'))
  symlinkSync(secrets, join(photos, 'folder'))
  const outside = [
    join(secrets, 'key.jpg'),
    `${photos}/../secrets/key.jpg`,
    join(photos, 'link.jpg'),
    join(photos, 'folder', 'key.jpg'),
    join(base, 'photos-of-others', 'b.jpg'),
  ]
  for (const path of outside) await assert.rejects(open().adopt(path), { code: 'permission-denied', message: /--adopt/ }, path)
})

test('a file that is not there, and a folder, are refused', async (t) => {
  const { photos, open } = prepared(t)
  await assert.rejects(open().adopt(join(photos, 'none.jpg')), { code: 'not-found' })
  await assert.rejects(open().adopt(photos), { code: 'invalid-argument' })
})

test('an adopted file that changed is content-changed, in this process and the next', async (t) => {
  const { photos, open } = prepared(t)
  const path = join(photos, 'a.jpg')
  const first = open()
  const { hash } = await first.adopt(path)
  writeFileSync(path, 'A PHOTO')
  utimesSync(path, 1, 1)
  await assert.rejects(first.read(hash), { code: 'content-changed', message: /a\.jpg/ })
  await assert.rejects(open().read(hash), { code: 'content-changed' })
  writeFileSync(path, 'a photo')
  assert.equal(Buffer.from((await first.read(hash)) ?? []).toString(), 'a photo')
})

test('an adopted file that is gone is content-changed', async (t) => {
  const { photos, open } = prepared(t)
  const { rmSync } = await import('node:fs')
  const store = open()
  const { hash } = await store.adopt(join(photos, 'a.jpg'))
  rmSync(join(photos, 'a.jpg'))
  await assert.rejects(store.read(hash), { code: 'content-changed', message: /a\.jpg/ })
})

test('a stored file that was cut off is content-changed when the next process reads it', async (t) => {
  const { open } = prepared(t)
  const first = open()
  const hash = await first.put(Buffer.from('complete'))
  truncateSync((await first.file(hash))!, 3)
  await assert.rejects(open().read(hash), { code: 'content-changed' })
})

test('what cannot be written is storage-failed, and leaves no partial file', async (t) => {
  const { base } = prepared(t)
  const folder = join(base, 'blocked')
  const store = folderContent(folder, memoryStore(), [])
  const kept = await store.put(Buffer.from('x'))
  // The folder that the next hash needs is taken by a file, whichever hash it is.
  const bytes = Buffer.from('y')
  const { hashOf } = await import('../../../src/storage-node/content/hash.ts')
  writeFileSync(join(folder, hashOf(bytes).slice(0, 2)), '')
  await assert.rejects(store.put(bytes), { code: 'storage-failed' })
  assert.ok(store.has(kept))
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.part')),
    [],
  )
})
