import { readFileSync, statSync } from 'node:fs'
import type { AdoptableFile } from '../../../src/core/self.ts'

/** A file as the readers of formats get it from a node. */
export const openedFile = (path: string): AdoptableFile => ({
  path,
  kind: 'file',
  get bytes() {
    return statSync(path).size
  },
  read: (into, position) => Promise.resolve(readFileSync(path).copy(into, 0, position, position + into.byteLength)),
  entries: () => Promise.reject(new Error('this is a file')),
})
