// Commits to the LMDB store in the folder given while some of its system calls are made to fail, and compares with a map.
import assert from 'node:assert/strict'
import { writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { ActiveStorageError } from '../../../src/core/errors.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import type { Store } from '../../../src/storage-node/store/store.ts'
import { applyTo, type Kept } from './fake-stores.ts'

const [folder = ''] = process.argv.slice(2)
process.on('unhandledRejection', (error) => {
  writeSync(1, `nobody handled ${String(error)}\n`)
  process.exit(3)
})
const kept: Kept = new Map()
const check = (store: Store) => {
  const found = store.range('', { limit: 10_000 })
  assert.deepEqual(new Map(found.map(([key, value]) => [key, value.toString()])), kept)
}
let seed = 1
const random = (below: number) => {
  seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
  return (seed >>> 8) % below
}
const refused = new Map<string, number>()
const store = await lmdbStore(folder)
const clock = new Int32Array(new SharedArrayBuffer(4))
/** Reads when a write has ended, well or badly, and nobody has heard of it yet. */
const readMeanwhile = async () => {
  await pause(4) // it has begun by then, and the last read transaction of lmdb-js's is over
  Atomics.wait(clock, 0, 0, 30)
  const snapshot = await store.snapshot()
  const before = snapshot.range('', { limit: 10_000 })
  await pause(1)
  assert.deepEqual(snapshot.range('', { limit: 10_000 }), before, 'a snapshot is what it was')
  snapshot.done()
}
for (let round = 0; round < 60; round++) {
  const writes = Array.from({ length: 1 + random(20) }, () => {
    const size = random(10) === 0 ? random(20_000) : random(300)
    return { key: `k${random(200)}`, value: random(4) === 0 ? undefined : Buffer.alloc(size, 97 + (round % 26)) }
  })
  try {
    const [committed, read] = await Promise.allSettled([store.commit(writes), readMeanwhile()])
    if (read.status === 'rejected') throw new Error('a read beside a write', { cause: read.reason })
    if (committed.status === 'rejected') throw committed.reason
    applyTo(kept, writes)
  } catch (error) {
    assert.ok(error instanceof ActiveStorageError)
    refused.set(error.code, (refused.get(error.code) ?? 0) + 1)
    check(store)
  }
}
check(store)
await store.close()
const again = await lmdbStore(folder)
check(again)
await again.close()
for (const [code, count] of refused) writeSync(1, `${count} refused: ${code}\n`)
