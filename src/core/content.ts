import { type ContentHash, contentHash, type SiteName, siteName } from './ids.ts'
import { failure } from './errors.ts'

/**
 * A reference to immutable bytes by their hash: what a call carries in place of the bytes.
 * `home` is a site's name, never an address, so a reference cannot make a node connect to a stranger.
 */
export class ContentRef {
  readonly hash: ContentHash
  /** Size in bytes. */
  readonly bytes: number
  readonly home: SiteName

  constructor(hash: string, bytes: number, home: string) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw failure('invalid-argument', `a content reference of ${bytes} bytes`)
    this.hash = contentHash(hash)
    this.bytes = bytes
    this.home = siteName(home)
  }
}
