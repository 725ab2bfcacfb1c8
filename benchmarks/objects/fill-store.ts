// Run as a process: puts counters into a store without a node, since that is quicker. Arguments: folder, number.
import { join } from 'node:path'
import { encodeRecord, newSpace, recordKey } from '../../src/storage-node/objects/record.ts'
import { checkFormat } from '../../src/storage-node/store/format.ts'
import { lmdbStore } from '../../src/storage-node/store/lmdb-store.ts'
import { toBytes } from '../../src/wire/stored.ts'
import { answer, numberIn } from '../support/lines.ts'
import { counterId } from './counter-id.ts'

const TOGETHER = 20_000

await answer({
  fill: async (asked) => {
    const store = await lmdbStore(join(String(asked['data']), 'store'))
    await checkFormat(store, String(asked['data']))
    const objects = numberIn(asked, 'objects')
    for (let next = 0; next < objects;) {
      const writes = []
      for (const end = Math.min(objects, next + TOGETHER); next < end; next++) {
        const record = { version: 1, fence: 0, declared: 1, space: newSpace(), state: toBytes({ count: next }) }
        writes.push({ key: recordKey('bench-counter', counterId(next)), value: encodeRecord(record) })
      }
      await store.commit(writes)
    }
    await store.close()
    return { objects }
  },
})
