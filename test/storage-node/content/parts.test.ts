import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { folderContent } from '../../../src/storage-node/content/folder-content.ts'
import { hashOf } from '../../../src/storage-node/content/hash.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { temporaryFolder } from '../support.ts'

const live = new AbortController().signal
const prepared = (t: TestContext, size: number) => {
  const base = temporaryFolder(t)
  mkdirSync(join(base, 'data'))
  const path = join(base, 'data', 'all.bin')
  writeFileSync(path, Buffer.from(Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 255)))
  const store = memoryStore()
  return { path, open: () => folderContent(join(base, 'content'), store, [join(base, 'data')]), base }
}

test('any parts of a file, in any order and overlapping, have the hash of their bytes and are read by it', async (t) => {
  const { path, open } = prepared(t, 10_000)
  const bytes = readFileSync(path)
  const content = open()
  const part = fc.nat(9999).chain((offset) => fc.record({ offset: fc.constant(offset), bytes: fc.nat(10_000 - offset) }))
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 20 }), async (parts) => {
      const hashes = await content.adoptParts(path, parts, live)
      for (const [index, { offset, bytes: length }] of parts.entries()) {
        const wanted = bytes.subarray(offset, offset + length)
        assert.equal(hashes[index], hashOf(wanted))
        assert.ok(wanted.equals((await content.read(hashes[index]!)) ?? Buffer.from('none')))
      }
    }),
    { numRuns: 30 },
  )
})

test('a part is read by the next process, and refused where the file has changed', async (t) => {
  const { path, open } = prepared(t, 100)
  const [hash, other] = await open().adoptParts(
    path,
    [
      { offset: 10, bytes: 5 },
      { offset: 50, bytes: 5 },
    ],
    live,
  )
  assert.equal((await open().read(hash!))?.byteLength, 5)
  const bytes = readFileSync(path)
  bytes[12] = bytes[12]! ^ 1
  writeFileSync(path, bytes)
  utimesSync(path, 1, 1)
  await assert.rejects(open().read(hash!), { code: 'content-changed', message: /all\.bin/ })
  assert.equal((await open().read(other!))?.byteLength, 5, 'what is the same is still read')
  writeFileSync(path, bytes.subarray(0, 52))
  await assert.rejects(open().read(other!), { code: 'content-changed', message: /ends at byte 52/ })
})

test('parts beyond the end, and files outside the allowed folders, are refused', async (t) => {
  const { path, open, base } = prepared(t, 100)
  for (const part of [
    { offset: 90, bytes: 11 },
    { offset: -1, bytes: 1 },
    { offset: 0.5, bytes: 1 },
    { offset: 2 ** 53, bytes: 1 },
  ])
    await assert.rejects(open().adoptParts(path, [part], live), { code: 'invalid-argument' })
  writeFileSync(join(base, 'outside'), 'x')
  await assert.rejects(open().adoptParts(join(base, 'outside'), [{ offset: 0, bytes: 1 }], live), { code: 'permission-denied' })
})
