import { ContentRef } from '../core/content.ts'
import { defineObject } from '../core/define.ts'
import { failureWith } from '../core/errors.ts'
import { mapLimited } from './concurrency.ts'
import { boolean, bytes, list, string } from '../core/schema.ts'

const hash = string({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 in lower-case hexadecimal digits' })

/**
 * The built-in `content` object, one a site: immutable bytes by hash. Sites fetch inputs from each other through it,
 * and a client supplies what a site cannot fetch.
 */
export const content = defineObject({
  name: 'content',
  movable: {
    /** The bytes of each hash that lies here, in the order asked. @throws `missing-inputs` for the first that does not. */
    async *fetch(self, hashes: readonly string[]): AsyncGenerator<Uint8Array> {
      for (const hash of hashes) {
        // Named as at home here, so that what is not here is an error and no site asks in a circle.
        const bytes = await self.content.read(new ContentRef(hash, 0, self.site), self.signal)
        const giveBack = self.memory.reserve(Math.min(bytes.byteLength, self.memory.most))
        yield bytes
        giveBack()
      }
    },
    /** Keeps bytes for calls that will refer to them; a cache, which may forget them. Returns their hashes. */
    async supply(self, items: readonly Uint8Array[]): Promise<readonly string[]> {
      const kept: string[] = []
      for (const bytes of items) kept.push((await self.content.keepLarge(bytes)).hash)
      return kept
    },
    /** Which of these hashes a call here could read without fetching. */
    async has(self, hashes: readonly string[]): Promise<readonly boolean[]> {
      return mapLimited(hashes, 16, async (hash) => {
        try {
          await self.content.ensure([new ContentRef(hash, 0, self.site)], self.signal)
          return true
        } catch {
          return false
        }
      })
    },
  },
  arguments: { fetch: [list(hash)], supply: [list(bytes())], has: [list(hash)] },
  results: { fetch: bytes(), supply: list(string()), has: list(boolean()) },
})

/** The error of inputs that are not here and cannot be fetched. Long lists are cut: the caller asks again. */
export const missingInputs = (refs: readonly ContentRef[], site: string) => {
  const named = refs.slice(0, 64)
  const homes = [...new Set(refs.map(({ home }) => home))].join(', ')
  return failureWith(
    'missing-inputs',
    `${site} lacks ${refs.length} input${refs.length === 1 ? '' : 's'} at home on ${homes}, which is none of its peers or lacks them too: name it with --peer, or let the client supply them`,
    { hashes: named.map(({ hash }) => hash) },
  )
}
