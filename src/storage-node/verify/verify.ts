import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../../core/errors.ts'
import { folderContent } from '../content/folder-content.ts'
import type { ContentStore } from '../content/content-store.ts'
import { hasPendingRestore } from '../backup/pending-restore.ts'
import { lockFolder } from '../folder-lock.ts'
import { checkFormat } from '../store/format.ts'
import { lmdbStore } from '../store/lmdb-store.ts'
import type { Store } from '../store/store.ts'
import { checkContent } from './content-check.ts'
import { type Finding, type FindingKind, findings } from './findings.ts'
import { checkObjects } from './objects-check.ts'
import { checkNotes } from './notes-check.ts'

export interface VerifyOptions {
  /** The site's name: content whose references say that it is at home there has to be here. Default: all content. */
  readonly name?: string
  readonly onProgress?: (soFar: Readonly<Counts>) => void
}

/** What was looked at. */
export interface Counts {
  objects: number
  entries: number
  results: number
  references: number
  contents: number
  contentBytes: number
  adopted: number
}

export interface Verified {
  readonly counts: Readonly<Counts>
  /** In the order in which they were found; the first 1,000. */
  readonly problems: readonly Finding[]
  /** How many there are of each kind. */
  readonly found: Readonly<Partial<Record<FindingKind, number>>>
}

/** What the parts of a verification share. */
export interface Verification {
  readonly store: Pick<Store, 'get' | 'range'>
  readonly content: ContentStore
  readonly name: string | undefined
  readonly counts: Counts
  readonly found: (kind: FindingKind, place: string, what: string) => void
  /** Called often. */
  readonly tell: () => void
}

/**
 * Looks through a whole data folder that no node has open, and says what is damaged or missing. It repairs nothing.
 * @throws ActiveStorageError `not-found` where there is no store, `folder-in-use`, `unsupported`, `storage-failed`, `read-only`
 */
export const verifyStore = async (data: string, { name, onProgress }: VerifyOptions = {}): Promise<Verified> => {
  const file = join(data, 'store', 'data.mdb')
  if (hasPendingRestore(data))
    throw failure('storage-failed', `a restore to ${data} was interrupted: start the node, which completes it, and verify then`)
  if (!existsSync(file)) throw failure('not-found', `${data} holds no store (there is no ${file}): give the --data folder of a node`)
  const unlock = await lockFolder(data)
  try {
    const store = await lmdbStore(join(data, 'store'), { checkBytes: Infinity })
    try {
      await checkFormat(store, data)
      const counts: Counts = { objects: 0, entries: 0, results: 0, references: 0, contents: 0, contentBytes: 0, adopted: 0 }
      const { list, byKind, add } = findings()
      const content = folderContent(join(data, 'content'), store, [])
      const verification = { store, content, name, counts, found: add, tell: () => onProgress?.(counts) }
      await checkObjects(verification)
      await checkNotes(verification)
      await checkContent(verification)
      return { counts, problems: list, found: byKind }
    } finally {
      await store.close()
    }
  } finally {
    unlock()
  }
}
