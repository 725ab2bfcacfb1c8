// Loaded by a node with --import: puts a mutant's module in the place of the store's or the content's.
import { register } from 'node:module'
import { mutants, ownMutant } from './mutants.ts'

const modules = {
  'store/lmdb-store.ts': new URL('./lmdb-store.ts', import.meta.url),
  'objects/arrivals.ts': new URL('./arrivals.ts', import.meta.url),
  'content/folder-content.ts': new URL('./folder-content.ts', import.meta.url),
} as const

const { replaces } = mutants[ownMutant()]
register(new URL('./resolve.mjs', import.meta.url), {
  data: {
    real: new URL(`../../../src/storage-node/${replaces}`, import.meta.url).href,
    mutant: modules[replaces].href,
  },
})
