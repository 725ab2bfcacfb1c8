import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContentRef } from '../../../src/core/content.ts'
import { siteName } from '../../../src/core/ids.ts'
import { contentCache } from '../../../src/storage-node/content/content-cache.ts'
import { hashOf } from '../../../src/storage-node/content/hash.ts'
import { memoryContent } from '../../../src/storage-node/content/memory-content.ts'
import { createResolver } from '../../../src/storage-node/content/resolver.ts'

const kib = (fill: number) => new Uint8Array(1024).fill(fill)
const contents = Array.from({ length: 4 }, (_, nth) => ({ bytes: kib(nth), hash: hashOf(kib(nth)) }))
const filled = () => {
  const cache = contentCache(1024 ** 2)
  for (const { hash, bytes } of contents) cache.put(hash, bytes)
  return { cache, here: () => contents.flatMap(({ hash }, nth) => (cache.has(hash) ? [nth] : [])) }
}

test('the longest unused goes first, and no more than was asked for', () => {
  const { cache, here } = filled()
  cache.get(contents[0]!.hash)
  assert.equal(cache.shrink(1), 1024)
  assert.deepEqual(here(), [0, 2, 3])
  assert.equal(cache.shrink(2048), 2048)
  assert.deepEqual(here(), [0])
  assert.equal(cache.bytes, 1024)
  assert.equal(cache.shrink(10_000), 1024)
  assert.equal(cache.bytes, 0)
})

test('what is held stays, however often, until all have let go', () => {
  const { cache, here } = filled()
  const first = cache.hold(contents[1]!.hash)
  const second = cache.hold(contents[1]!.hash)
  assert.equal(cache.shrink(10_000), 3 * 1024)
  assert.deepEqual(here(), [1])
  first()
  first()
  assert.equal(cache.shrink(10_000), 0)
  second()
  assert.equal(cache.shrink(10_000), 1024)
})

test('a call holds what it has read from the cache until it is over', async () => {
  const { cache, here } = filled()
  const site = siteName('here')
  const resolver = createResolver({ site, store: memoryContent(), cache, peers: new Map() })
  const held: (() => void)[] = []
  const content = resolver.scope({ bytes: 0, ms: 0 }, undefined, (letGo) => held.push(letGo))
  const live = new AbortController().signal
  const read = await content.read(new ContentRef(contents[2]!.hash, 1024, site), live)
  await content.read(new ContentRef(contents[2]!.hash, 1024, site), live)
  resolver.shrinkCache(10_000)
  assert.deepEqual(here(), [2])
  assert.deepEqual(read, kib(2))
  for (const letGo of held) letGo()
  resolver.shrinkCache(10_000)
  assert.deepEqual(here(), [])
})
