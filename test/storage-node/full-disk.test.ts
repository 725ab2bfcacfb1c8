import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { HostStats } from '../../src/core/self.ts'
import { site } from '../../src/objects/site.ts'
import { healthOf } from './health.ts'
import { checkAll, type Kind, type Load, startLoad } from './load.ts'
import { startNodeProcess } from './node-process.ts'
import { failingDisk, fill, run, smallDisk } from './store/disks.ts'
import { linkTo, remote, temporaryFolder } from './support.ts'

const objects = ['--objects', fileURLToPath(new URL('./load-objects.ts', import.meta.url))]
const WRITES = 'active_storage.v1.StorageNode.writes'
const [serving, notServing] = [{ status: 'SERVING' }, { status: 'NOT_SERVING' }]

/** A node in a process of its own, under load. */
const loadedNode = async (t: TestContext, data: string) => {
  const node = await startNodeProcess(t, ['--data', data, ...objects])
  const link = linkTo(t, node.address)
  const load = startLoad(t, node.address)
  return { node, link, load, health: healthOf(t, node.address), stats: () => remote(link, site).stats() }
}
const writesOfAll = (load: Load, more: number) => {
  const before = { ...load.acknowledged }
  return () => (Object.keys(before) as Kind[]).every((kind) => load.acknowledged[kind] >= before[kind] + more)
}
/** Waits until the node says that it takes no writes. It may try whether it can, and say otherwise for a moment. */
const saysSo = async (stats: () => Promise<HostStats>): Promise<HostStats> => {
  for (;;) {
    const now = await stats()
    if (!now.writable) return now
  }
}
/** Waits for refusals, and then for reads of each kind that began after them. */
const refusedAndRead = async (load: Load) => {
  const before = load.refused.get('read-only') ?? 0
  await load.until('writes are refused', () => (load.refused.get('read-only') ?? 0) > before + 30)
  const { reads } = load
  await load.until('reads go on', () => load.reads > reads + 10)
}
/** Starts a node again on the folder of one that is killed, and reads everything there. */
const killed = async (
  t: TestContext,
  { node, load }: Awaited<ReturnType<typeof loadedNode>>,
  data: string,
  options?: { unknown: boolean },
) => {
  node.child.kill('SIGKILL')
  assert.equal(await node.ended, 'SIGKILL', 'the node has not ended before')
  const again = await startNodeProcess(t, ['--data', data, ...objects])
  await checkAll(linkTo(t, again.address), load.made, options)
  return again
}

test(
  'a node whose disk fills up under load answers every call, goes on reading, and writes again by itself',
  { timeout: 600_000 },
  async (t) => {
    const disk = smallDisk(t, 24)
    if (disk === undefined) return
    const data = join(disk, 'node')
    const other = fill(disk)
    other.shrink(12 * 1024 ** 2)
    const loaded = await loadedNode(t, data)
    const { load, link, health, stats } = loaded
    const writes = health.watch(WRITES)
    assert.deepEqual(await load.inTime('health', writes.next()), serving)
    await load.until('writes of every kind', writesOfAll(load, 3))
    assert.equal((await stats()).writable, true)

    // The load itself takes what there is.
    assert.deepEqual(await load.inTime('health', writes.next()), notServing)
    await refusedAndRead(load)
    assert.ok((await saysSo(stats)).failures > 0)
    // It still reads: whoever sends it no more calls, or starts it again, gains nothing.
    assert.deepEqual(await health.check(''), serving)
    assert.deepEqual(await health.check('active_storage.v1.StorageNode'), serving)

    other.free()
    assert.deepEqual(await load.inTime('health', writes.next()), serving)
    await load.until('writes of every kind go on', writesOfAll(load, 3))
    assert.equal((await stats()).writable, true)
    await load.finish(3)
    await checkAll(link, load.made)
    await killed(t, loaded, data)
  },
)

test('a node that is killed on a full disk starts there again, and serves what was acknowledged', { timeout: 600_000 }, async (t) => {
  const disk = smallDisk(t, 16)
  if (disk === undefined) return
  const data = join(disk, 'node')
  const other = fill(disk)
  other.shrink(8 * 1024 ** 2)
  const loaded = await loadedNode(t, data)
  await refusedAndRead(loaded.load)
  await loaded.load.finish()
  other.grow()
  const again = await killed(t, loaded, data)
  other.free()
  const more = startLoad(t, again.address, 'later')
  await more.finish(1)
  await checkAll(linkTo(t, again.address), more.made)
})

test(
  'a node that may not write for a while answers every call, goes on reading, and writes again by itself',
  { timeout: 600_000 },
  async (t) => {
    const data = temporaryFolder(t)
    const loaded = await loadedNode(t, data)
    const { load, link, stats } = loaded
    await load.until('writes of every kind', writesOfAll(load, 3))
    const content = join(data, 'content')
    const places = [join(data, 'store', 'data.mdb'), content, ...readdirSync(content).map((name) => join(content, name))]
    const allow = () => run('chattr', '-i', ...places)
    try {
      if (run('chattr', '+i', ...places).status !== 0) {
        await load.finish()
        return t.skip('chattr +i is absent or not permitted here')
      }
      await refusedAndRead(load)
      await saysSo(stats)
    } finally {
      allow()
    }
    await load.until('writes of every kind go on', writesOfAll(load, 3))
    assert.equal((await stats()).writable, true)
    await load.finish(1)
    await checkAll(link, load.made)
    await killed(t, loaded, data)
    return undefined
  },
)

test(
  'a node whose disk fails under load answers every call and goes on reading; what it acknowledged survives',
  { timeout: 600_000 },
  async (t) => {
    const disk = failingDisk(t, 48)
    if (disk === undefined) return
    const data = join(disk.folder, 'node')
    const loaded = await loadedNode(t, data)
    const { node, load, link, health, stats } = loaded
    await load.until('writes of every kind', writesOfAll(load, 3))
    disk.fail()
    await refusedAndRead(load)
    await saysSo(stats)
    assert.deepEqual(await health.check(WRITES), notServing)
    assert.deepEqual(await health.check(''), serving)
    await load.finish()
    await checkAll(link, load.made)
    node.child.kill('SIGKILL')
    await node.ended
    disk.repair()
    await killed(t, loaded, data, { unknown: true })
  },
)
