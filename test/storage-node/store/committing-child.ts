// Commits to the LMDB store in the folder given, through the queue, and says each acknowledgement on a line of its own.
//   node --import tsx committing-child.ts FOLDER COUNT
// FAULT=no-sync in the environment opens LMDB so that it does not sync: the fault that a trace has to find.
import { writeSync } from 'node:fs'
import { createCommitQueue } from '../../../src/storage-node/store/commit-queue.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'

const [folder = '', count = ''] = process.argv.slice(2)
if (process.env['FAULT'] === 'no-sync') {
  const lmdb = await import('lmdb')
  // lmdb-js calls the `open` that its native part knows, where that is not its own.
  const { nativeAddon } = (await import(new URL('native.js', import.meta.resolve('lmdb')).href)) as { nativeAddon: { open: unknown } }
  const scratch = lmdb.open({}) // its first call sets it
  await scratch.close()
  const real = nativeAddon.open as (options: object) => unknown
  nativeAddon.open = (options: object) => {
    const faulty = nativeAddon.open
    nativeAddon.open = real
    try {
      return real({ ...options, noSync: true })
    } finally {
      nativeAddon.open = faulty
    }
  }
}
const store = await lmdbStore(folder)
const queue = createCommitQueue(store)
const acknowledged: Promise<void>[] = []
for (let i = 0; i < Number(count); i++) {
  const name = `commit-${String(i).padStart(4, '0')};`
  const { durable } = queue.commit([{ key: `k${i}`, value: Buffer.from(name) }], queue.generation)
  acknowledged.push(durable.then(() => void writeSync(1, `ack ${name}\n`)))
  // Some wait for the disk, so that there are batches of one and batches of several.
  if (i % 3 === 0) await durable
}
await Promise.all(acknowledged)
await queue.close()
await store.close()
