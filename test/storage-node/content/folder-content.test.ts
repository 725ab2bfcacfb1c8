import assert from 'node:assert/strict'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folderContent } from '../../../src/storage-node/content/folder-content.ts'
import { hashOf } from '../../../src/storage-node/content/hash.ts'
import { readFailure } from '../../../src/storage-node/content/hashed-files.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import type { Store } from '../../../src/storage-node/store/store.ts'
import { contentStoreContract } from '../../contracts/content-store.ts'
import { fill, smallDisk, withStrace } from '../store/disks.ts'
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
  writeFileSync(join(folder, hashOf(bytes).slice(0, 2)), '')
  await assert.rejects(store.put(bytes), { code: 'storage-failed' })
  assert.ok(store.has(kept))
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
})

test('a byte that was flipped is content-changed: at once where the file shows it, else when it is hashed afresh', async (t) => {
  const { open } = prepared(t)
  const store = open()
  const bytes = Buffer.alloc(5000, 'whole')
  const hash = await store.put(bytes)
  const path = (await store.file(hash))!
  const { atime, mtime } = statSync(path)
  const flipped = Buffer.from(bytes)
  flipped[4321]! ^= 1
  const handle = openSync(path, 'r+') // in place: the same file, of the same size
  writeSync(handle, flipped, 4321, 1, 4321)
  closeSync(handle)
  utimesSync(path, atime, new Date(mtime.getTime() + 5000))
  await assert.rejects(store.read(hash), { code: 'content-changed' })
  await assert.rejects(store.file(hash), { code: 'content-changed' })
  // A disk that loses a bit on its own leaves the time as it was.
  writeFileSync(path, bytes)
  utimesSync(path, atime, mtime)
  await store.read(hash)
  writeFileSync(path, flipped)
  utimesSync(path, atime, mtime)
  await assert.rejects(store.read(hash, { afresh: true }), { code: 'content-changed', message: /restore the file/ })
  await assert.rejects(open().read(hash), { code: 'content-changed' })
})

test('bytes that are put again replace a damaged file', async (t) => {
  const { open } = prepared(t)
  const bytes = Buffer.from('whole again')
  const first = open()
  const hash = await first.put(bytes)
  truncateSync((await first.file(hash))!, 3)
  const next = open()
  await next.put(bytes)
  assert.equal(Buffer.from((await next.read(hash, { afresh: true })) ?? []).toString(), 'whole again')
})

test('what a crash left behind is removed at the next start, and nothing else', async (t) => {
  const { folder, open } = prepared(t)
  const hash = await open().put(Buffer.from('kept'))
  writeFileSync(join(folder, 'tmp', 'half'), 'hal')
  const next = open()
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  assert.equal(Buffer.from((await next.read(hash)) ?? []).toString(), 'kept')
  assert.deepEqual(await next.list({ limit: 9 }), [{ hash, bytes: 4 }])
})

test('a full disk refuses content whole, and takes it when there is space', async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  const folder = join(disk, 'content')
  const store = folderContent(folder, memoryStore(), [])
  const kept = await store.put(Buffer.from('before'))
  const bytes = Buffer.alloc(12 * 1024 ** 2, 'too much for this disk')
  await assert.rejects(store.put(bytes), { code: 'read-only', message: /make space/ })
  assert.deepEqual(readdirSync(join(folder, 'tmp')), [])
  assert.deepEqual(await store.list({ limit: 9 }), [{ hash: kept, bytes: 6 }])
  const other = fill(disk)
  await assert.rejects(store.put(Buffer.alloc(100_000, 'x')), { code: 'read-only' })
  assert.equal(Buffer.from((await store.read(kept)) ?? []).toString(), 'before')
  other.free()
  const later = await store.put(Buffer.alloc(100_000, 'x'))
  assert.equal((await store.read(later))?.byteLength, 100_000)
})

test('a put is answered when the file, its name, and the folders that are new are on disk; a removal when the folder is', (t) => {
  const base = temporaryFolder(t)
  const trace = join(base, 'trace')
  const child = fileURLToPath(new URL('putting-child.ts', import.meta.url))
  const calls = 'trace=openat,mkdir,rename,unlink,fsync,fdatasync,write,pwrite64,close'
  const ran = withStrace(t, ['-o', trace, '-y', '-s', '60', '-e', calls], [child, join(base, 'new', 'content')])
  if (ran === undefined) return
  assert.equal(ran.status, 0, ran.stderr)
  const lines = readFileSync(trace, 'utf8').split('\n')
  const at = (pattern: RegExp, from = 0) => {
    const index = lines.findIndex((line, i) => i >= from && pattern.test(line))
    assert.ok(index >= 0, `${pattern} after line ${from} of the trace`)
    return index
  }
  const synced = (path: string, from: number) => at(new RegExp(`f(data)?sync\\(\\d+<${path}>`), from)
  const content = join(base, 'new', 'content')
  const { hash } = JSON.parse(ran.stdout.split('\n')[0]!) as { hash: string }
  const [shard, answered] = [join(content, hash.slice(0, 2)), at(/write\(1<[^>]*>, "\{\\"hash/)]
  // Where another thread's call comes between, strace ends the line before the result.
  const renamed = at(new RegExp(`rename\\("${content}/tmp/.*(= 0|unfinished)`))
  assert.ok(
    synced(`${join(content, 'tmp')}/[^>]*`, at(new RegExp(`(write|pwrite64)\\(\\d+<${join(content, 'tmp')}/`))) < renamed,
    'the file before it has its name',
  )
  assert.ok(synced(shard, renamed) < answered, 'its name')
  assert.ok(synced(content, at(new RegExp(`mkdir\\("${shard}"`))) < answered, 'the folder of its name')
  assert.ok(synced(join(base, 'new'), at(new RegExp(`mkdir\\("${content}"`))) < answered, 'the folder of all content')
  assert.ok(synced(base, at(new RegExp(`mkdir\\("${join(base, 'new')}"`))) < answered, 'the folder of that')
  assert.ok(synced(shard, at(new RegExp(`unlink\\("${shard}/`))) < at(/write\(1<[^>]*>, "removed/), 'the removal')
})

test('a file is held before its note is on disk, so that a collection in between keeps it', async (t) => {
  const { base, photos, store } = prepared(t)
  const events: string[] = []
  const watched: Store = {
    ...store,
    commit: async (writes) => {
      events.push('committed')
      await store.commit(writes)
    },
  }
  const content = folderContent(join(base, 'content'), watched, [photos])
  const { hash } = await content.adopt(join(photos, 'a.jpg'), (known) => events.push(known))
  assert.deepEqual(events.splice(0), [hash, 'committed'])
  const signal = new AbortController().signal
  const parts = await content.adoptParts(join(photos, 'a.jpg'), [{ offset: 0, bytes: 3 }], signal, (known) => events.push(known))
  assert.deepEqual(events, [...parts, 'committed'])
})

test('a folder that is exchanged for a link between the check of a path and its use leads nowhere outside', async (t) => {
  const { base, photos, secrets, store } = prepared(t)
  const [current, parked, link] = ['current', 'parked', 'link'].map((name) => join(photos, name)) as [string, string, string]
  mkdirSync(current)
  writeFileSync(join(current, 'key.jpg'), 'a photo')
  symlinkSync(secrets, link)
  const content = folderContent(join(base, 'content'), store, [photos])
  let [taken, refused] = [0, 0]
  // The exchange goes on beside the calls: each of them meets it at another moment.
  let on = true
  const exchanging = (async () => {
    while (on) {
      renameSync(current, parked)
      renameSync(link, current)
      await new Promise((resolve) => setImmediate(resolve))
      renameSync(current, link)
      renameSync(parked, current)
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  for (let call = 0; call < 3000; call++) {
    try {
      const { hash } = await content.adopt(join(current, 'key.jpg'))
      assert.equal(hash, hashOf(Buffer.from('a photo')))
      taken++
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      refused++
    }
  }
  on = false
  await exchanging
  assert.ok(taken > 0 && refused > 0, `${taken} taken, ${refused} refused`)
})

test('a file that is written to while it is read gives an error, never other bytes', async (t) => {
  const { base, photos, store } = prepared(t)
  const path = join(photos, 'large.bin')
  const whole = Buffer.alloc(4 * 1024 ** 2, 'a')
  writeFileSync(path, whole)
  // A clock by which every change is long past: bytes that were hashed once are trusted at once.
  const content = folderContent(join(base, 'content'), store, [photos], () => Date.now() + 3600_000)
  const { hash } = await content.adopt(path)
  const handle = openSync(path, 'r+')
  t.after(() => closeSync(handle))
  let changed = 0
  for (let round = 0; round < 50; round++) {
    assert.ok(Buffer.from((await content.read(hash)) ?? []).equals(whole))
    const reading = content.read(hash).then(
      (bytes) => bytes !== undefined && Buffer.from(bytes).equals(whole),
      () => 'refused' as const,
    )
    for (let moment = 0; moment < round % 8; moment++) await new Promise((resolve) => setImmediate(resolve))
    writeSync(handle, 'b'.repeat(100), 4 * 1024 ** 2 - 200)
    const read = await reading
    assert.notEqual(read, false, 'torn bytes under the old hash')
    if (read === 'refused') changed++
    writeSync(handle, 'a'.repeat(100), 4 * 1024 ** 2 - 200)
  }
  assert.ok(changed > 0)
})

test('a process without descriptors left does not say that content has changed', async () => {
  const none = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
  assert.equal(readFailure('/photos/a.jpg', none).code, 'storage-failed')
  assert.match(readFailure('/photos/a.jpg', none).message, /ulimit -n/)
  const gone = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })
  assert.equal(readFailure('/photos/a.jpg', gone).code, 'content-changed')
})
