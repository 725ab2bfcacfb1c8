import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { checkPages, PAGE } from '../../../src/storage-node/store/lmdb-pages.ts'
import { lmdbStore } from '../../../src/storage-node/store/lmdb-store.ts'
import { temporaryFolder } from '../support.ts'

const child = fileURLToPath(new URL('./reading-child.ts', import.meta.url))
const keyed = (i: number) => `key-${String(i).padStart(5, '0')}`

/** A tree of three pages' depth, long values, and pages that are free again. */
const made = async (t: TestContext) => {
  const folder = join(temporaryFolder(t), 'store')
  const store = await lmdbStore(folder)
  const value = (i: number) => Buffer.alloc(i % 40 === 1 ? 9000 : 60, i)
  await store.commit(Array.from({ length: 6000 }, (_, i) => ({ key: keyed(i).repeat(8), value: value(i) })))
  await store.commit(Array.from({ length: 60 }, (_, i) => ({ key: keyed(i * 100).repeat(8), value: undefined })))
  await store.close()
  return { folder, file: join(folder, 'data.mdb') }
}

test('whatever was committed, its pages pass', async (t) => {
  const write = fc.record({ key: fc.nat(60), length: fc.oneof(fc.nat(300), fc.nat(20_000)), gone: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(write, { maxLength: 60 }), { maxLength: 12 }), async (commits) => {
      const folder = temporaryFolder(t)
      const store = await lmdbStore(folder)
      for (const writes of commits)
        await store.commit(
          writes.map(({ key, length, gone }) => ({ key: keyed(key), value: gone ? undefined : Buffer.alloc(length, key) })),
        )
      await store.close()
      checkPages(join(folder, 'data.mdb'))
    }),
    { numRuns: 100 },
  )
})

test('a page that leads astray is named, with what is wrong and what to do', async (t) => {
  const { file } = await made(t)
  const whole = readFileSync(file)
  checkPages(file)
  const newest = whole.readBigUInt64LE(PAGE + 152) > whole.readBigUInt64LE(152) ? PAGE : 0
  const root = Number(whole.readBigUInt64LE(newest + 136)) * PAGE
  const entry = root + 24 + whole.readUInt16LE(root + 24)
  const branch = whole.readUInt32LE(entry) * PAGE
  const leaf = whole.readUInt32LE(branch + 24 + whole.readUInt16LE(branch + 24)) * PAGE
  assert.deepEqual([root, branch, leaf].map((page) => whole.readUInt16LE(page + 18)), [1, 1, 2]) // prettier-ignore
  const [first, second] = [0, 2].map((at) => leaf + 24 + whole.readUInt16LE(leaf + 24 + at)) as [number, number]
  const damages: readonly (readonly [RegExp, (bytes: Buffer) => unknown])[] = [
    [/page 0 does not say that this is a store/, (bytes) => bytes.fill(0xff, 0, PAGE)],
    [/page 1 does not say that this is a store/, (bytes) => bytes.fill(0, PAGE, 2 * PAGE)],
    [/page 0 names pages of 12 bytes/, (bytes) => bytes.writeUInt32LE(12, 48)],
    [/has been cut short/, (bytes) => bytes.writeBigUInt64LE(1_000_000n, newest + 144)],
    [/has the flags 4 for a tree/, (bytes) => bytes.writeUInt16LE(4, newest + 100)],
    [/says that a tree is 77 pages deep/, (bytes) => bytes.writeUInt16LE(77, newest + 102)],
    [/leads to page 1, outside of the \d+ in use/, (bytes) => bytes.writeBigUInt64LE(1n, newest + 136)],
    [/says that it is page 9/, (bytes) => bytes.writeBigUInt64LE(9n, leaf)],
    [/is no branch where one should be/, (bytes) => bytes.writeUInt16LE(2, branch + 18)],
    [/has bounds that no page has/, (bytes) => bytes.writeUInt16LE(5000, leaf + 22)],
    [/leads to page \d+, which is in use elsewhere/, (bytes) => bytes.writeUInt32LE(root / PAGE, entry)],
    [/has entry 0 outside of itself/, (bytes) => bytes.writeUInt16LE(PAGE, leaf + 24)],
    [/has the key of entry 0 outside of itself/, (bytes) => bytes.writeUInt16LE(60_000, first + 6)],
    [/has the value of entry 1 outside of itself/, (bytes) => bytes.writeUInt32LE(1_000_000, second)],
    [/has the flags 2 in entry 0/, (bytes) => bytes.writeUInt16LE(2, first + 4)],
    [/has 1 pages for a value of 9000 bytes/, (bytes) => bytes.writeBigUInt64LE(1n, first + 8 + 72 + 16)],
    [/has the key of entry 1 out of order/, (bytes) => bytes.writeUInt8(0xff, first + 8)],
  ]
  for (const [message, change] of damages) {
    const bytes = Buffer.from(whole)
    change(bytes)
    writeFileSync(file, bytes)
    assert.throws(() => checkPages(file), {
      code: 'storage-failed',
      message: new RegExp(`${message.source}.*; restore the folder from a backup`),
    })
  }
  writeFileSync(file, whole)
  checkPages(file)
})

test('no damage of 300 ends the process that opens the store, reads all of it and writes to it', async (t) => {
  const { folder } = await made(t)
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', child, folder, '0', '300'])
  const came = JSON.parse(stdout) as { refused: number; failed: number; read: number }
  t.diagnostic(stdout)
  assert.equal(came.refused + came.failed + came.read, 300)
  // Most hit what a tree is made of; bytes of values are for those who know what they mean.
  assert.ok(came.refused > 100 && came.read > 20, stdout)
})
