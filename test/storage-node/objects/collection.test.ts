import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextMoment } from 'node:timers/promises'
import type { ContentHash } from '../../../src/core/ids.ts'
import { defineObject } from '../../../src/core/define.ts'
import { withCall } from '../../../src/core/remote.ts'
import { bytes, contentRef, list, object } from '../../../src/core/schema.ts'
import { connect } from '../../../src/sdk/connect.ts'
import { createCollector } from '../../../src/storage-node/content/collector.ts'
import { hashOf } from '../../../src/storage-node/content/hash.ts'
import { memoryContent } from '../../../src/storage-node/content/memory-content.ts'
import { contentTarget, used } from '../../../src/storage-node/objects/uses.ts'
import { createCommitQueue } from '../../../src/storage-node/store/commit-queue.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { site as siteType } from '../../../src/objects/site.ts'
import { failing } from '../../contracts/transport.ts'
import { deferred, startNode, temporaryFolder } from '../support.ts'

const gate = { begun: deferred(), go: deferred() }
const reader = { begun: deferred(), go: deferred() }
const album = defineObject({
  name: 'album',
  state: () => ({ pictures: [], blob: new Uint8Array() }),
  schema: object({ pictures: list(contentRef()), blob: bytes() }),
  methods: {
    async add(self, picture: Uint8Array): Promise<void> {
      self.state.pictures = [...self.state.pictures, await self.content.put(picture)]
    },
    async keepInTable(self, key: string, picture: Uint8Array): Promise<void> {
      self.table('pictures').put(key, { content: await self.content.put(picture) })
    },
    dropFromTable: (self, key: string) => self.table('pictures').delete(key),
    clear(self): void {
      self.state.pictures = []
    },
    async putAndFail(self, picture: Uint8Array): Promise<void> {
      await self.content.put(picture)
      throw new Error('changed its mind')
    },
    async putSlowly(self, picture: Uint8Array): Promise<void> {
      const ref = await self.content.put(picture)
      gate.begun.resolve()
      await gate.go.promise
      self.state.pictures = [...self.state.pictures, ref]
    },
    setBlob(self, blob: Uint8Array): void {
      self.state.blob = blob
    },
  },
  readonly: {
    async readSlowly(self): Promise<string[]> {
      const { pictures } = self.state
      reader.begun.resolve()
      await reader.go.promise
      const found: string[] = []
      for (const ref of pictures) found.push(Buffer.from(await self.content.read(ref, self.signal)).toString())
      return found
    },
    async all(self): Promise<string[]> {
      const found: string[] = []
      for (const ref of self.state.pictures) found.push(Buffer.from(await self.content.read(ref, self.signal)).toString())
      return found
    },
    blob: (self): Uint8Array => self.state.blob,
  },
})

const prepared = async (t: TestContext, data = temporaryFolder(t)) => {
  const node = await startNode(t, { data, name: 'edge', objects: [album] })
  const client = await connect({ node: node.address })
  t.after(() => client.close())
  const files = () =>
    readdirSync(join(data, 'content'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).size)
  const collect = (dryRun: boolean) => withCall(client.object(siteType, 'main'), { place: 'node' }).collect({ dryRun })
  return { node, client, data, files, collect, at: (id: string) => client.object(album, id) }
}
const picture = (text: string) => Buffer.from(text)

test('content that no state and no table refers to is collected, and nothing else', async (t) => {
  const { at, client, files, collect, node, data } = await prepared(t)
  await at('a').add(picture('one'))
  await at('a').add(picture('two'))
  await at('b').add(picture('two'))
  await at('b').keepInTable('k', picture('three'))
  await failing(at('a').putAndFail(picture('nobody wants it')), 'method-threw')
  assert.equal(files().length, 4)
  assert.deepEqual(await collect(true), { contents: 1, bytes: 15, notes: 0 })
  assert.equal(files().length, 4)
  assert.deepEqual(await collect(false), { contents: 1, bytes: 15, notes: 0 })
  assert.equal(files().length, 3)
  await at('a').clear()
  // What another object refers to as well stays.
  assert.deepEqual(await collect(false), { contents: 1, bytes: 3, notes: 0 })
  assert.deepEqual(await at('b').all(), ['two'])
  await at('b').dropFromTable('k')
  assert.deepEqual(await collect(false), { contents: 1, bytes: 5, notes: 0 })
  const version = await client.objects.newVersion(album, 'b')
  await at('b').clear()
  assert.deepEqual(await collect(false), { contents: 0, bytes: 0, notes: 0 })
  await node.close()
  const again = await prepared(t, data)
  assert.deepEqual(await again.at(version).all(), ['two'])
  await again.client.objects.delete(album, version)
  assert.deepEqual(await again.collect(false), { contents: 1, bytes: 3, notes: 0 })
})

test('a deleted object lets go of what its tables referred to', async (t) => {
  const { at, client, collect } = await prepared(t)
  for (let made = 0; made < 5; made++) await at('a').keepInTable(`k${made}`, picture(`entry ${made}`))
  await client.objects.delete(album, 'a')
  // Its entries are cleared away in commits of their own, after the reply.
  let found = await collect(true)
  for (let asked = 0; found.contents < 5 && asked < 1000; asked++) found = await collect(true)
  assert.equal(found.contents, 5)
})

test('what a call has put and not committed yet is no garbage', async (t) => {
  const { at, collect, files } = await prepared(t)
  const adding = at('a').putSlowly(picture('on its way'))
  await gate.begun.promise
  assert.deepEqual(await collect(false), { contents: 0, bytes: 0, notes: 0 })
  gate.go.resolve()
  await adding
  assert.deepEqual(await at('a').all(), ['on its way'])
  assert.equal(files().length, 1)
})

test('a large state lies in content, one that became small does not, and each is what was set', async (t) => {
  const { at, data, files, collect, node } = await prepared(t)
  const large = Buffer.alloc(300_000, 7)
  await at('a').setBlob(large)
  assert.equal(files().length, 1)
  assert.ok(Buffer.from(await at('a').blob()).equals(large))
  // Another object with the same state shares it.
  await at('b').setBlob(large)
  assert.equal(files().length, 1)
  await at('a').setBlob(Buffer.alloc(10, 1))
  assert.deepEqual(await collect(false), { contents: 0, bytes: 0, notes: 0 })
  await node.close()
  const again = await prepared(t, data)
  assert.equal((await again.at('a').blob()).byteLength, 10)
  assert.ok(Buffer.from(await again.at('b').blob()).equals(large))
  await again.at('b').setBlob(new Uint8Array())
  assert.equal((await again.collect(false)).contents, 1)
})

test('what was let go of is removed after a while, unless somebody has put it again or refers to it', async (t) => {
  const content = memoryContent()
  const store = memoryStore()
  const queue = createCommitQueue(store)
  const removed = new Map<ContentHash, ReturnType<typeof deferred<boolean>>>()
  const watched = {
    ...content,
    remove: async (hash: ContentHash, still?: () => boolean) => {
      const gone = await content.remove(hash, still)
      removed.get(hash)?.resolve(gone)
      return gone
    },
  }
  const collector = createCollector({ content: watched, queue, store, usesOf: contentTarget, graceMs: 5 })
  t.after(() => collector.stop())
  const hashes = await Promise.all(['free', 'held', 'used'].map((text) => content.put(picture(text))))
  const [free, held, inUse] = hashes as [ContentHash, ContentHash, ContentHash]
  for (const hash of hashes) removed.set(hash, deferred<boolean>())
  const release = collector.hold(held)
  await queue.commit([used(contentTarget(inUse), 'somewhere')], queue.generation).durable
  collector.letGoOf(hashes)
  // Timers of the collector keep no process alive.
  const alive = setInterval(() => undefined, 1000)
  t.after(() => clearInterval(alive))
  assert.deepEqual(await Promise.all(hashes.map((hash) => removed.get(hash)!.promise)), [true, false, false])
  release()
  assert.deepEqual(await collector.collect({ dryRun: false }), { contents: 1, bytes: 4, notes: 0 })
  assert.equal(content.has(free), false)
  assert.equal(content.has(inUse), true)
  assert.equal(hashOf(picture('used')), inUse)
})

test('content that one commit releases twice is removed, and so is all that is released later', async (t) => {
  const content = memoryContent()
  const removed = new Map<ContentHash, ReturnType<typeof deferred<void>>>()
  const watched = {
    ...content,
    remove: async (hash: ContentHash, still?: () => boolean) => {
      const gone = await content.remove(hash, still)
      if (gone) removed.get(hash)?.resolve()
      return gone
    },
  }
  const store = memoryStore()
  const collector = createCollector({ content: watched, queue: createCommitQueue(store), store, usesOf: contentTarget, graceMs: 5 })
  t.after(() => collector.stop())
  const [twice, later] = await Promise.all(['twice', 'later'].map((text) => content.put(picture(text))))
  for (const hash of [twice!, later!]) removed.set(hash, deferred())
  // Timers of the collector keep no process alive.
  const alive = setInterval(() => undefined, 1000)
  t.after(() => clearInterval(alive))
  collector.letGoOf([twice!, twice!])
  await removed.get(twice!)!.promise
  collector.letGoOf([later!])
  await removed.get(later!)!.promise
})

test('a reader that began before a release can still read the content, whatever is collected meanwhile', async (t) => {
  const { at, collect } = await prepared(t)
  await at('a').add(picture('old'))
  const reading = at('a').readSlowly()
  await reader.begun.promise
  await at('a').clear()
  assert.equal((await collect(false)).contents, 0)
  reader.go.resolve()
  assert.deepEqual(await reading, ['old'])
  assert.equal((await collect(false)).contents, 1)
})

test('the grace of released content lasts as long as a reader that began before', async (t) => {
  const content = memoryContent()
  const gone = deferred()
  const watched = {
    ...content,
    remove: async (hash: ContentHash, still?: () => boolean) => {
      const removed = await content.remove(hash, still)
      if (removed) gone.resolve()
      return removed
    },
  }
  const store = memoryStore()
  let asked = 0
  let reading = true
  const oldestReader = () => {
    asked++
    return reading ? 0 : undefined
  }
  const options = { content: watched, queue: createCommitQueue(store), store, usesOf: contentTarget, graceMs: 5, oldestReader }
  const collector = createCollector(options)
  t.after(() => collector.stop())
  // Timers of the collector keep no process alive.
  const alive = setInterval(() => {
    // It was due, and somebody was reading.
    if (asked > 0) reading = false
  }, 10)
  t.after(() => clearInterval(alive))
  const hash = await content.put(picture('read'))
  collector.letGoOf([hash])
  await gone.promise
  assert.ok(asked > 1)
})

test('content stays as long as its release is not on disk', async () => {
  const content = memoryContent()
  const store = memoryStore()
  const hash = await content.put(picture('wanted'))
  const use = used(contentTarget(hash), 'somewhere')
  await store.commit([use])
  const refused = deferred()
  const slow = { ...store, commit: () => refused.promise.then(() => Promise.reject(new Error('the disk is broken'))) }
  const queue = createCommitQueue(slow)
  const collector = createCollector({ content, queue, store, usesOf: contentTarget })
  const releasing = queue.commit([{ ...use, value: undefined }], queue.generation)
  const collecting = collector.collect({ dryRun: false })
  // It has looked at all content by then, and waits for what is queued.
  await nextMoment()
  refused.resolve()
  await failing(releasing.durable, 'storage-failed')
  await failing(collecting, 'storage-failed')
  assert.equal(content.has(hash), true)
})
