import { type ContentHash, contentHash } from '../../core/ids.ts'
import { keyOf, partsOf } from '../store/store.ts'
import { reasonOf } from './findings.ts'
import { rowsOf } from './rows.ts'
import type { Verification } from './verify.ts'

const PAGE = 1000

/** That every file of content, and every adopted file, has the bytes of its hash. */
export const checkContent = async ({ store, content, counts, found, tell }: Verification): Promise<void> => {
  for (let after: ContentHash | undefined; ;) {
    const page = await content.list({ ...(after !== undefined && { after }), limit: PAGE })
    for (const { hash, bytes } of page) {
      counts.contents++
      counts.contentBytes += bytes
      await content.read(hash, { afresh: true }).catch((error: unknown) => found('damaged-content', `content ${hash}`, reasonOf(error)))
      tell()
    }
    after = page.at(-1)?.hash
    if (page.length < PAGE) break
  }
  for await (const [key] of rowsOf(store, keyOf('adopted'))) {
    const hash = partsOf(key)[1]
    counts.adopted++
    try {
      await content.read(contentHash(hash), { afresh: true })
    } catch (error) {
      found('adopted', `content ${hash}`, reasonOf(error))
    }
    tell()
  }
}
