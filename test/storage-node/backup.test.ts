import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { BackupProgress } from '../../src/core/self.ts'
import { site } from '../../src/objects/site.ts'
import { createBackups } from '../../src/storage-node/backup/backup.ts'
import { keptContent } from '../../src/storage-node/backup/kept-content.ts'
import { restoreBackup } from '../../src/storage-node/backup/restore.ts'
import { lockFolder } from '../../src/storage-node/folder-lock.ts'
import { folderContent } from '../../src/storage-node/content/folder-content.ts'
import { lmdbStore } from '../../src/storage-node/store/lmdb-store.ts'
import { keyOf } from '../../src/storage-node/store/store.ts'
import { verifyStore } from '../../src/storage-node/verify/verify.ts'
import { failing } from '../contracts/transport.ts'
import { loadBlobs, loadCounter, loadLog } from './load-objects.ts'
import { checkAll, startLoad } from './load.ts'
import { startNodeProcess } from './node-process.ts'
import { fill, smallDisk } from './store/disks.ts'
import { linkTo, remote, startNode, temporaryFolder } from './support.ts'

const module = fileURLToPath(new URL('./load-objects.ts', import.meta.url))
const objects = [loadCounter, loadLog, loadBlobs]

/** Has a node write a backup. @returns what it says last */
const backUp = async (t: TestContext, address: string, to: string): Promise<BackupProgress> => {
  let last: BackupProgress | undefined
  for await (last of remote(linkTo(t, address), site, 'main', { timeoutMs: 600_000 }).backup(to));
  return last ?? assert.fail('a backup that says nothing')
}
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

test('backups made under load are whole, sound, and have all that was acknowledged before they began', { timeout: 900_000 }, async (t) => {
  const base = temporaryFolder(t)
  const backups = join(base, 'backups')
  mkdirSync(backups)
  const elsewhere = smallDisk(t, 64)
  const roots = [backups, ...(elsewhere === undefined ? [] : [elsewhere])]
  const node = await startNodeProcess(t, [
    ...['--data', join(base, 'data'), '--name', 'edge', '--objects', module],
    ...roots.flatMap((root) => ['--backups', root]),
  ])
  const load = startLoad(t, node.address)
  const enough = () => Object.values(load.acknowledged).every((count) => count > 10)
  await load.until('writes of every kind', enough)
  const made: { readonly folder: string; readonly before: typeof load.made }[] = []
  for (const [index, root] of [backups, backups, ...roots].entries()) {
    const folder = join(root, `backup-${index}`)
    const before = load.made.map((one) => ({ ...one, acknowledged: [...one.acknowledged] }))
    const { contents, copied, complete } = await load.inTime('a backup', backUp(t, node.address, folder))
    assert.ok(complete && contents > 0)
    assert.equal(copied, root === elsewhere ? contents : 0)
    made.push({ folder, before })
  }
  await load.finish()
  node.child.kill('SIGKILL')
  await node.ended
  // Nothing of the first node is needed.
  rmSync(join(base, 'data'), { recursive: true })
  for (const { folder, before } of made) {
    assert.deepEqual((await verifyStore(folder, { name: 'edge' })).problems, [])
    const data = join(base, 'restored')
    assert.equal((await restoreBackup({ from: folder, data, force: true })).inPlace, true)
    const restored = await startNode(t, { data, name: 'edge', objects })
    await checkAll(linkTo(t, restored.address), before, { unknown: true })
    await restored.close()
  }
})

test('what a backup refers to is not removed before it is in the backup', async (t) => {
  const base = temporaryFolder(t)
  const store = await lmdbStore(join(base, 'store'))
  t.after(() => store.close())
  const kept = keptContent(folderContent(join(base, 'content'), store, []))
  const hash = await kept.content.put(Buffer.from('referred to when the backup began'))
  await store.commit([{ key: keyOf('refers'), value: Buffer.from(hash) }])
  let removed: Promise<boolean> | undefined
  const backup = createBackups({
    site: 'edge',
    folder: join(base, 'content'),
    content: kept,
    allowed: [base],
    // The reference goes, and the content after it, as soon as the store has been copied.
    store: {
      async backup(to) {
        await store.backup(to)
        await store.commit([{ key: keyOf('refers'), value: undefined }])
        removed = kept.content.remove(hash)
      },
    },
  })
  for await (const _ of backup(join(base, 'a'), new AbortController().signal));
  assert.equal(await removed, true)
  assert.equal(kept.content.has(hash), false)
  const copy = await lmdbStore(join(base, 'a', 'store'))
  t.after(() => copy.close())
  assert.equal(copy.get(keyOf('refers'))?.toString(), hash)
  assert.equal(folderContent(join(base, 'a', 'content'), copy, []).has(hash), true)
})

test('a backup goes only where the operator allows it', async (t) => {
  const base = temporaryFolder(t)
  const [allowed, secret] = [join(base, 'allowed'), join(base, 'secret')]
  for (const folder of [allowed, secret, join(allowed, 'there')]) mkdirSync(folder)
  symlinkSync(secret, join(allowed, 'out'))
  const node = await startNode(t, { backups: [allowed] })
  for (const to of [
    join(secret, 'a'),
    secret,
    join(allowed, '..', 'a'),
    join(allowed, 'out', 'a'),
    join(base, 'none', 'a'),
    `${allowed}-2`,
  ]) {
    const error = await failing(backUp(t, node.address, to), 'permission-denied')
    assert.match(error.message, /--backups FOLDER/)
  }
  await failing(backUp(t, node.address, 'allowed/a'), 'invalid-argument')
  await failing(backUp(t, node.address, join(allowed, 'there')), 'already-exists')
  await failing(backUp(t, node.address, join(allowed, 'none', 'a')), 'not-found')
  assert.deepEqual([readdirSync(secret), readdirSync(allowed).toSorted()], [[], ['out', 'there']])
  await backUp(t, node.address, join(allowed, 'a'))

  const closed = await startNode(t)
  await failing(backUp(t, closed.address, join(allowed, 'b')), 'permission-denied')
})

test('a backup that fails leaves nothing, and the node goes on', async (t) => {
  const disk = smallDisk(t, 4)
  if (disk === undefined) return
  const base = temporaryFolder(t)
  const node = await startNode(t, { data: join(base, 'data'), objects, backups: [disk] })
  const blobs = remote(linkTo(t, node.address), loadBlobs)
  for (let index = 0; index < 8; index++) await blobs.keep(Buffer.alloc(1024 ** 2, index))
  await failing(backUp(t, node.address, join(disk, 'a')), 'read-only')
  const other = fill(disk)
  await failing(backUp(t, node.address, join(disk, 'a')), 'read-only')
  other.free()
  assert.deepEqual(readdirSync(disk), [])
  await blobs.keep(Buffer.alloc(1024 ** 2, 9))
})

test('a backup that its caller gives up leaves nothing, and the next is not held up', async (t) => {
  const base = temporaryFolder(t)
  const store = await lmdbStore(join(base, 'store'))
  t.after(() => store.close())
  const kept = keptContent(folderContent(join(base, 'content'), store, []))
  const hash = await kept.content.put(Buffer.from('content'))
  let whileCopying = () => {}
  const backup = createBackups({
    site: 'edge',
    folder: join(base, 'content'),
    content: kept,
    allowed: [base],
    store: { backup: async (to) => (await store.backup(to), whileCopying()) },
  })
  const there = () => readdirSync(base).toSorted()
  const all = async (to: string, signal = new AbortController().signal) => {
    for await (const _ of backup(join(base, to), signal));
  }

  const controller = new AbortController()
  whileCopying = () => controller.abort()
  await failing(all('a', controller.signal), 'cancelled')
  assert.deepEqual(there(), ['content', 'store'])
  let other: Promise<unknown> | undefined
  whileCopying = () => void (other = failing(all('b'), 'overloaded'))
  for await (const { complete } of backup(join(base, 'a'), new AbortController().signal)) {
    assert.equal(complete, false)
    break
  }
  await other
  assert.deepEqual(there(), ['content', 'store'])
  assert.equal(await kept.content.remove(hash), true)

  // What a killed node has left is cleared away.
  whileCopying = () => undefined
  mkdirSync(join(base, 'a.partial-1f', 'rest'), { recursive: true })
  writeFileSync(join(base, 'a.partial-1f', 'unfinished'), '')
  await failing(restoreBackup({ from: join(base, 'a.partial-1f'), data: join(base, 'other') }), 'not-found')
  await all('a')
  assert.deepEqual(there(), ['a', 'content', 'store'])
  // Finished backups with such names are nobody's leftovers.
  for (const name of ['b.partial', 'b.partial-2e', 'b']) await all(name)
  assert.deepEqual(there(), ['a', 'b', 'b.partial', 'b.partial-2e', 'content', 'store'])
  assert.deepEqual(readdirSync(join(base, 'a')).toSorted(), ['backup.json', 'content', 'store'])
})

test('a restored folder is a copy of its own, and a folder with something in it is left alone', async (t) => {
  const base = temporaryFolder(t)
  const [data, copy, from] = [join(base, 'data'), join(base, 'copy'), join(base, 'a')]
  const node = await startNode(t, { data, name: 'edge', objects, backups: [base] })
  const counter = remote(linkTo(t, node.address), loadCounter)
  await counter.add()
  await remote(linkTo(t, node.address), loadBlobs).keep(Buffer.alloc(1000, 1))
  await backUp(t, node.address, from)
  await counter.add()
  await failing(restoreBackup({ from, data, force: true }), 'folder-in-use')
  await node.close()

  const before = filesIn(from).map((path) => [path, readFileSync(path).toString('base64')])
  await failing(restoreBackup({ from, data }), 'already-exists')
  await failing(restoreBackup({ from: join(base, 'none'), data: copy }), 'not-found')
  assert.equal(existsSync(copy), false)
  assert.equal((await restoreBackup({ from, data: copy })).inPlace, true)
  const restored = await startNode(t, { data: copy, name: 'edge', objects })
  const there = remote(linkTo(t, restored.address), loadCounter)
  assert.equal(await there.read(), 1)
  assert.equal(await there.add(), 2)
  await restored.close()
  for (const path of filesIn(join(copy, 'content'))) assert.equal(statSync(path).nlink, 1)
  assert.deepEqual(
    filesIn(from).map((path) => [path, readFileSync(path).toString('base64')]),
    before,
  )
  assert.equal((await restoreBackup({ from, data, force: true })).inPlace, true)
  const replaced = await startNode(t, { data, name: 'edge', objects })
  assert.equal(await remote(linkTo(t, replaced.address), loadCounter).read(), 1)
  assert.deepEqual(readdirSync(data).toSorted(), ['content', 'node.lock', 'store'])
})

test('a damaged backup replaces nothing, unless it is told to', async (t) => {
  const base = temporaryFolder(t)
  const [data, from] = [join(base, 'data'), join(base, 'a')]
  const node = await startNode(t, { data, name: 'edge', objects, backups: [base] })
  const blobs = remote(linkTo(t, node.address), loadBlobs)
  await blobs.keep(Buffer.alloc(1000, 1))
  await backUp(t, node.address, from)
  await blobs.keep(Buffer.alloc(1000, 2))
  await node.close()
  const [file = ''] = filesIn(join(from, 'content'))
  // Not in place: its bytes are the node's own too.
  rmSync(file)
  writeFileSync(file, 'other bytes')
  const refused = await restoreBackup({ from, data, force: true })
  assert.deepEqual([refused.inPlace, Object.keys(refused.found)], [false, ['damaged-content']])
  const same = await startNode(t, { data, name: 'edge', objects })
  assert.equal(await remote(linkTo(t, same.address), loadBlobs).count(), 2)
  await same.close()
  assert.equal((await restoreBackup({ from, data, force: true, damaged: true })).inPlace, true)
  const older = await startNode(t, { data, name: 'edge', objects })
  assert.equal(await remote(linkTo(t, older.address), loadBlobs).count(), 1)
  await failing(remote(linkTo(t, older.address), loadBlobs).read(0), 'content-changed')
})

test('a restore that was killed after it was decided is completed by the next node, and by the next restore', async (t) => {
  const base = temporaryFolder(t)
  const [data, from] = [join(base, 'data'), join(base, 'a')]
  const node = await startNode(t, { data, name: 'edge', objects, backups: [base] })
  const at = (address: string) => remote(linkTo(t, address), loadCounter)
  await at(node.address).add()
  await remote(linkTo(t, node.address), loadBlobs).keep(Buffer.alloc(1000, 1))
  await backUp(t, node.address, from)
  await at(node.address).add()
  await node.close()
  const old = join(base, 'old')
  cpSync(data, old, { recursive: true })
  // As far as a killed restore may have come: all still to do, one part in place, one part only removed.
  const states: readonly (() => void)[] = [
    () => undefined,
    () => {
      rmSync(join(data, 'content'), { recursive: true })
      renameSync(join(data, 'restored', 'content'), join(data, 'content'))
    },
    () => rmSync(join(data, 'store'), { recursive: true }),
    () => {
      for (const part of ['content', 'store']) {
        rmSync(join(data, part), { recursive: true })
        renameSync(join(data, 'restored', part), join(data, part))
      }
    },
  ]
  for (const [index, state] of states.entries()) {
    rmSync(data, { recursive: true })
    cpSync(old, data, { recursive: true })
    cpSync(from, join(data, 'restored'), { recursive: true })
    state()
    await failing(verifyStore(data, { name: 'edge' }), 'storage-failed')
    if (index % 2 === 1) assert.equal((await restoreBackup({ from, data, force: true })).inPlace, true)
    const restored = await startNode(t, { data, name: 'edge', objects })
    assert.equal(await at(restored.address).read(), 1)
    await restored.close()
    assert.deepEqual(readdirSync(data).toSorted(), ['content', 'node.lock', 'store'])
    assert.deepEqual((await verifyStore(data, { name: 'edge' })).problems, [])
  }
})

test('a folder that cannot be made is an error at once, also below /proc', async (t) => {
  for (const folder of ['/proc/x', '/proc/x/y']) await failing(lockFolder(folder), 'storage-failed')
  const deep = join(temporaryFolder(t), 'a', 'b', 'c')
  const unlock = await lockFolder(deep)
  unlock()
  assert.ok(existsSync(deep))
})

test('a folder is taken also where somebody removed its lock file', async (t) => {
  const data = join(temporaryFolder(t), 'data')
  const unlock = await lockFolder(data)
  rmSync(join(data, 'node.lock'))
  await failing(lockFolder(data), 'folder-in-use')
  unlock()
  const again = await lockFolder(data)
  again()
})
