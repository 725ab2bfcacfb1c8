// Opens a store once for each damage, reads all that is in it, and writes to it. Prints how often it came to what: a process
// of its own, since LMDB may end the one that follows a damaged page.
//   node --import tsx reading-child.ts FOLDER FIRST COUNT [unchecked]
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import { damage } from './damage.ts'

const [folder = '', first = '0', count = '0', unchecked] = process.argv.slice(2)
const file = join(folder, 'data.mdb')
const whole = readFileSync(file)
const came = { refused: 0, failed: 0, read: 0 }
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  writeFileSync(file, damage(whole, seed))
  try {
    const store = await lmdbStore(folder, { checkBytes: unchecked === undefined ? Infinity : 0 })
    try {
      store.range('', { limit: 10_000 })
      for (let i = 0; i < 10; i++) await store.commit([{ key: `new${i}`, value: Buffer.alloc(5000, i) }])
      came.read++
    } catch (error) {
      if (!isActiveStorageError(error, 'storage-failed')) throw error
      came.failed++
    }
    await store.close()
  } catch (error) {
    if (!isActiveStorageError(error, 'storage-failed')) throw error
    came.refused++
  }
}
process.stdout.write(JSON.stringify(came))
