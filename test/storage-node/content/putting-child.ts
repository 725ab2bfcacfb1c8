// Puts content into the folder given and removes it, and says so on a line each, for a trace of its system calls.
import { writeSync } from 'node:fs'
import { folderContent } from '../../../src/storage-node/content/folder-content.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'

const store = folderContent(process.argv[2] ?? '', memoryStore(), [])
const hash = await store.put(Buffer.from('traced'))
writeSync(1, `{"hash":"${hash}"}\n`)
await store.remove(hash)
writeSync(1, 'removed\n')
