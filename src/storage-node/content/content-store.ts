import type { ContentHash } from '../../core/ids.ts'
import type { AdoptableFile, ContentPart } from '../../core/self.ts'

/** Where content lies that is at home here: durable on a storage node, in memory in a client. */
export interface ContentStore {
  /**
   * @param options.afresh hashes the bytes although this process has done so, and the file has not been touched since
   * @throws `content-changed` where the bytes are no longer what the hash promises; `storage-failed`
   */
  read(hash: ContentHash, options?: { readonly afresh?: boolean }): Promise<Uint8Array | undefined>
  /** Whether it is here, put or adopted. */
  has(hash: ContentHash): boolean
  /**
   * The file that holds exactly these bytes, checked, for readers that want a path; undefined where there is none.
   * @throws `content-changed`
   */
  file(hash: ContentHash): Promise<string | undefined>
  /** Durable when resolved; what lies damaged under the hash is replaced. @throws `read-only` where the disk is full; `storage-failed` */
  put(bytes: Uint8Array, known?: (hash: ContentHash) => void): Promise<ContentHash>
  /** Whether a folder or file may be adopted. @throws `permission-denied`, `not-found` */
  adoptable(path: string): Promise<void>
  /**
   * Opens a file or folder that may be adopted for as long as `work` takes.
   * @throws `permission-denied`, `not-found`; `content-changed` where a file is written to meanwhile
   */
  withAdoptable<T>(path: string, work: (file: AdoptableFile) => Promise<T>): Promise<T>
  /**
   * Refers to a file where it lies. `known` is called with its hash before the reference is on disk, so that a collection
   * meanwhile does not remove it.
   * @throws `permission-denied`, `not-found`, `content-changed` where it is written to meanwhile
   */
  adopt(path: string, known?: (hash: ContentHash) => void): Promise<{ readonly hash: ContentHash; readonly bytes: number }>
  /** Refers to parts of a file where it lies, in the order given. @throws as `adopt` does; `invalid-argument` for a part beyond its end */
  adoptParts(
    file: string | AdoptableFile,
    parts: readonly ContentPart[],
    signal: AbortSignal,
    known?: (hash: ContentHash) => void,
  ): Promise<readonly ContentHash[]>
  /** What was put here, not what was adopted, in the order of the hashes, from after a hash, `limit` at the most. */
  list(options: { readonly after?: ContentHash; readonly limit: number }): Promise<readonly Listed[]>
  /** Deletes what was put; adopted files stay. Durable when resolved. False where it is not here, or `still`, asked when no
   * put of the same bytes is under way, says no. @throws `read-only`, `storage-failed` */
  remove(hash: ContentHash, still?: () => boolean): Promise<boolean>
}

export interface Listed {
  readonly hash: ContentHash
  readonly bytes: number
}
