import type { ContentHash } from '../../core/ids.ts'

/** Where content lies that is at home here: durable on a storage node, in memory in a client. */
export interface ContentStore {
  /** @throws `content-changed` where the bytes are no longer what the hash promises; `storage-failed` */
  read(hash: ContentHash): Promise<Uint8Array | undefined>
  /** Size where it is here. */
  has(hash: ContentHash): boolean
  /**
   * The file that holds exactly these bytes, checked, for readers that want a path; undefined where there is none.
   * @throws `content-changed`
   */
  file(hash: ContentHash): Promise<string | undefined>
  /** Durable when resolved. */
  put(bytes: Uint8Array): Promise<ContentHash>
  /** Refers to a file where it lies. @throws `permission-denied`, `not-found` */
  adopt(path: string): Promise<{ readonly hash: ContentHash; readonly bytes: number }>
}
