import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { remoteOf } from '../../../src/core/remote.ts'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import type { AdoptOptions } from '../../../src/objects/dataset/adopt.ts'
import type { ContentStore } from '../../../src/storage-node/content/content-store.ts'
import { folderContent } from '../../../src/storage-node/content/folder-content.ts'
import { memoryContent } from '../../../src/storage-node/content/memory-content.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { createHostOver } from '../../storage-node/host-over.ts'

/** In memory where the system has such a folder: what is written is not to last. */
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A host in this process that adopts files from a folder of its own, each into a data set of its own. */
export const openAdopting = (ending: string) => {
  const folder = mkdtempSync(join(base, 'active-storage-fuzz-'))
  const files = join(folder, 'files')
  mkdirSync(files)
  const store = memoryStore()
  // Files are adopted from where they lie; what is put is not to last.
  const [folders, memory] = [folderContent(join(folder, 'content'), store, [files]), memoryContent()]
  const content: ContentStore = {
    ...folders,
    put: (...given) => memory.put(...given),
    has: (hash) => memory.has(hash) || folders.has(hash),
    read: async (...given) => (await memory.read(...given)) ?? folders.read(...given),
  }
  const host = createHostOver(store, [], new Map(), 'here', { content })
  const transport = () => host
  let made = 0
  const close = async () => {
    await host.close()
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  /** Adopts one file, and hands the data set over before it is deleted. */
  const adopt = async <T>(bytes: Buffer, options: AdoptOptions, look: (set: Adoptee) => Promise<T>): Promise<T> => {
    const path = join(files, `input.${ending}`)
    writeFileSync(path, bytes)
    const set = remoteOf(dataset, `set-${made++}`, transport)
    const { report } = await set.adopt(path, options)
    const described = await set.describe()
    return look({
      described,
      report,
      count: described.count,
      samples: () => set.list(),
      read: (id) => set.read(id),
    })
  }
  return { name: `input.${ending}`, adopt, close }
}

type Sets = ReturnType<typeof remoteOf<typeof dataset>>
/** A data set that was adopted. */
export interface Adoptee {
  readonly described: Awaited<ReturnType<Sets['describe']>>
  readonly report: Awaited<ReturnType<Sets['adopt']>>['report']
  readonly count: number
  samples(): Promise<Awaited<ReturnType<Sets['list']>>>
  read(id: string): Promise<Uint8Array>
}
