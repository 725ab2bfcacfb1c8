import assert from 'node:assert/strict'
import { readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createCommitQueue } from '../../../src/storage-node/store/commit-queue.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import type { Store, Write } from '../../../src/storage-node/store/store.ts'
import { temporaryFolder } from '../support.ts'
import { failingDisk, fill, run, smallDisk, withStrace } from './disks.ts'

const group = (round: number, bytes: number, count = 20): Write[] =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: Buffer.alloc(bytes, round % 250) }))
/** The round whose values all entries have: a commit is there whole, or not at all. */
const roundOf = (store: Pick<Store, 'range'>): number => {
  const rounds = new Set(store.range('k', { limit: 1000 }).map(([, value]) => value[0]))
  assert.equal(rounds.size, 1, 'a commit is torn')
  return [...rounds][0]!
}
const opened = async (t: TestContext, folder: string) => {
  const store = await lmdbStore(folder)
  t.after(() => store.close())
  return store
}
const quietly = (t: TestContext) => {
  const heard: unknown[] = []
  const listen = (error: unknown) => heard.push(error)
  process.on('unhandledRejection', listen)
  t.after(() => {
    process.off('unhandledRejection', listen)
    assert.deepEqual(heard, [], 'a rejection that nobody handled')
  })
}

test('on a full disk a commit is refused whole, reads go on, and so do commits when there is space again', async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  quietly(t)
  const store = await opened(t, join(disk, 'store'))
  await store.commit(group(1, 1000))
  const other = fill(disk)
  for (let round = 2; round < 12; round++) {
    // Of several at once, each is refused.
    const refused = await Promise.allSettled([store.commit(group(round, 100_000)), store.commit([{ key: 'x', value: Buffer.alloc(9) }])])
    for (const one of refused) assert.match(one.status === 'rejected' ? String(one.reason) : '', /\[read-only\].*make space/)
    assert.equal(roundOf(store), 1)
    assert.equal(store.get('x'), undefined)
  }
  // What there is does not suffice, and is left to others.
  other.shrink(1024 ** 2)
  const { bavail } = statfsSync(disk)
  await assert.rejects(store.commit(group(11, 100_000)), { code: 'read-only' })
  assert.equal(statfsSync(disk).bavail, bavail)
  other.free()
  await store.commit(group(12, 100_000))
  assert.equal(roundOf(store), 12)
  await store.close()
  assert.equal(roundOf(await opened(t, join(disk, 'store'))), 12)
})

test('a store on a full disk takes small commits as long as it has room of its own, and opens again', async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  quietly(t)
  const folder = join(disk, 'store')
  const first = await opened(t, folder)
  await first.commit(group(1, 100))
  fill(disk)
  let round = 1
  const more = async (store: Store) => store.commit(group(round + 1, 100)).then(() => void round++)
  for (let i = 0; i < 5; i++) await more(first)
  await first.close()
  const again = await opened(t, folder)
  assert.equal(roundOf(again), round)
  await more(again)
  assert.equal(roundOf(again), round)
})

test('a new store on a full disk is refused, and does not end the process', async (t) => {
  const disk = smallDisk(t, 2)
  if (disk === undefined) return
  const { free } = fill(disk)
  await assert.rejects(lmdbStore(join(disk, 'store')), { code: 'read-only' })
  free()
  const store = await opened(t, join(disk, 'store'))
  await store.commit(group(1, 100))
})

test('the queue over a full disk says so, serves reads, and goes on by itself', async (t) => {
  const disk = smallDisk(t)
  if (disk === undefined) return
  quietly(t)
  const store = await opened(t, join(disk, 'store'))
  const queue = createCommitQueue(store, { probeMs: { first: 1, most: 5 } })
  await queue.commit(group(1, 1000), 0).durable
  const other = fill(disk)
  const lost = [2, 3, 4].map((round) => queue.commit(group(round, 100_000), 0))
  assert.equal(roundOf(queue), 4)
  for (const { durable } of lost) await assert.rejects(durable, { code: 'read-only' })
  assert.equal(queue.health.writable, false)
  assert.equal(roundOf(queue), 1)
  assert.throws(() => queue.commit(group(5, 10), 1), { code: 'read-only' })
  other.free()
  while (!queue.health.writable) await setImmediate()
  await queue.commit(group(6, 100_000), queue.generation).durable
  assert.equal(roundOf(store), 6)
  await queue.close()
})

// `mount -o remount,ro` is refused while a file is open for writing; a kernel that gives up on a disk does not ask.
test('when the disk becomes read-only under the store, commits are refused and reads go on', async (t) => {
  const disk = failingDisk(t)
  if (disk === undefined) return
  quietly(t)
  const store = await opened(t, join(disk.folder, 'store'))
  await store.commit(group(1, 1000))
  disk.fail()
  for (const bytes of [10, 1000, 100_000]) {
    await assert.rejects(store.commit(group(2, bytes)), { code: 'read-only', message: /EROFS.*mount it for writing/ })
    assert.equal(roundOf(store), 1)
  }
})

test('when a limit on the size of files is met, commits are refused, and go on when it is lifted', async (t) => {
  const limit = (bytes: number | 'unlimited') => run('prlimit', `--pid=${process.pid}`, `--fsize=${bytes}:unlimited`)
  if (limit('unlimited').status !== 0) return t.skip('prlimit is absent or not permitted here')
  quietly(t)
  const store = await opened(t, join(temporaryFolder(t), 'store'))
  await store.commit(group(1, 1000))
  limit(2 * 1024 ** 2)
  try {
    await assert.rejects(store.commit(group(2, 200_000)), { code: 'read-only', message: /EFBIG/ })
    assert.equal(roundOf(store), 1)
  } finally {
    limit('unlimited')
  }
  await store.commit(group(3, 200_000))
  assert.equal(roundOf(store), 3)
  return undefined
})

test('a store whose file may not be written reads, is refused on opening, and goes on when it may', async (t) => {
  quietly(t)
  const folder = join(temporaryFolder(t), 'store')
  const first = await opened(t, folder)
  await first.commit(group(1, 1000))
  const file = join(folder, 'data.mdb')
  const forbid = () => run('chattr', '+i', file)
  const allow = () => run('chattr', '-i', file)
  if (forbid().status !== 0) return t.skip('chattr +i is absent or not permitted here')
  try {
    await assert.rejects(first.commit(group(2, 10)), { code: 'read-only', message: /EPERM/ })
    assert.equal(roundOf(first), 1)
    allow()
    await first.commit(group(3, 10))
    await first.close()
    forbid()
    await assert.rejects(lmdbStore(folder), { code: 'read-only' })
  } finally {
    allow()
  }
  assert.equal(roundOf(await opened(t, folder)), 3)
  return undefined
})

/** Runs `failing-child.ts` with one thread for files, so that its calls come in the same order each time. */
const child = (t: TestContext, options: readonly string[], folder: string) =>
  withStrace(t, options, [fileURLToPath(new URL('failing-child.ts', import.meta.url)), folder], { UV_THREADPOOL_SIZE: '1' })

for (const [error, code] of [
  ['EIO', 'storage-failed'],
  ['EPERM', 'read-only'],
] as const)
  test(`commits whose sync fails with ${error} are refused whole; those before and after stand, in this process and the next`, (t) => {
    const ran = child(
      t,
      ['-o', '/dev/null', '-e', 'trace=fdatasync', '-e', `inject=fdatasync:error=${error}:when=3+7`],
      join(temporaryFolder(t), 'a'),
    )
    if (ran === undefined) return
    assert.equal(ran.status, 0, ran.stderr)
    assert.match(ran.stdout, new RegExp(`^[1-9]\\d* refused: ${code}$`, 'm'))
  })

// The second time the file may not be opened again for writing at once: what there is is read meanwhile.
for (const [what, ...more] of [
  ['and the store opens it again'],
  ['and where it may not be written then, reads go on until it may', '-e', 'inject=openat:error=EPERM:when=4..5'],
] as const)
  test(`when the write of the root fails, LMDB refuses all more, ${what}`, (t) => {
    const folder = temporaryFolder(t)
    const trace = join(folder, 'trace')
    // Its syncs last so long that reads fall between the failure and the moment when the process hears of it.
    const traced = (store: string) => [
      ...['-o', trace, '-P', join(store, 'data.mdb'), '-e', 'trace=openat,pwrite64,fdatasync'],
      ...['-e', 'inject=fdatasync:delay_enter=15000'],
    ]
    const first = join(folder, 'a')
    if (child(t, traced(first), first) === undefined) return
    // The thread that wrote roots (128 bytes into one of the first two pages), and which of its writes was the tenth root.
    const writes = readFileSync(trace, 'latin1').split('\n').filter((line) => line.includes('pwrite64')) // prettier-ignore
    const isRoot = (line: string) => /, 128, (40|4136)\)/.test(line)
    const thread = /^\d+/.exec(writes.findLast(isRoot) ?? '')?.[0] ?? ''
    const own = writes.filter((line) => line.startsWith(`${thread} `))
    const tenth = own.indexOf(own.filter(isRoot)[9] ?? '') + 1
    assert.ok(tenth > 0)
    // Which write is a root's depends on what is being read meanwhile: about every third is.
    for (let when = tenth; when < tenth + 20; when++) {
      const store = join(folder, `b${when}`)
      const ran = child(t, [...traced(store), '-e', `inject=pwrite64:error=EIO:when=${when}`, ...more], store)
      assert.equal(ran?.status, 0, ran?.stderr)
      // strace counts the writes of each thread by itself: the main thread's own, which tries the disk, may fail too.
      assert.match(ran.stdout, /^[12] refused: storage-failed$/m)
      const failed = readFileSync(trace, 'latin1').split('\n').filter((line) => line.includes('INJECTED')) // prettier-ignore
      assert.ok(failed.length >= 1 && failed.length <= (more.length > 0 ? 4 : 2), failed.join('\n'))
      if (failed.some(isRoot)) return
    }
    assert.fail('no write of a root was made to fail')
  })
