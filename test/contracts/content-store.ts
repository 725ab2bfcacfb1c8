import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { suite, test, type TestContext } from 'node:test'
import { contentHash } from '../../src/core/ids.ts'
import type { ContentStore } from '../../src/storage-node/content/content-store.ts'

/** What every content store must do. */
export const contentStoreContract = (name: string, open: (t: TestContext) => Promise<ContentStore>): void => {
  const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const absent = contentHash('0'.repeat(64))

  void suite(name, () => {
    test('bytes that were put are read back by their SHA-256', async (t) => {
      const store = await open(t)
      for (const length of [0, 1, 1000, 3 * 1024 ** 2]) {
        const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) % 251)
        const hash = await store.put(bytes)
        assert.equal(hash, sha(bytes))
        assert.ok(store.has(hash))
        const back = await store.read(hash)
        assert.ok(back !== undefined && Buffer.from(back).equals(bytes))
      }
    })

    test('what is not there is undefined, and no error', async (t) => {
      const store = await open(t)
      assert.equal(await store.read(absent), undefined)
      assert.equal(store.has(absent), false)
      assert.equal(await store.file(absent), undefined)
    })

    test('the same bytes may be put again, also side by side', async (t) => {
      const store = await open(t)
      const bytes = Buffer.from('the same')
      const hashes = await Promise.all(Array.from({ length: 20 }, () => store.put(bytes)))
      assert.deepEqual(new Set(hashes), new Set([sha(bytes)]))
      assert.equal(Buffer.from((await store.read(hashes[0]!)) ?? []).toString(), 'the same')
    })

    test('bytes that the caller changes afterwards stay as they were put', async (t) => {
      const store = await open(t)
      const bytes = Buffer.from('before')
      const hash = await store.put(bytes)
      bytes.write('AFTER!')
      assert.equal(Buffer.from((await store.read(hash)) ?? []).toString(), 'before')
    })

    test('a file that it names holds exactly the bytes', async (t) => {
      const store = await open(t)
      const hash = await store.put(Buffer.from('in a file'))
      const path = await store.file(hash)
      if (path !== undefined) assert.equal(readFileSync(path, 'utf8'), 'in a file')
    })

    test('what was put is listed with its size, in the order of the hashes, page by page', async (t) => {
      const store = await open(t)
      assert.deepEqual(await store.list({ limit: 5 }), [])
      const put = await Promise.all(Array.from({ length: 40 }, async (_, length) => ({ hash: await store.put(Buffer.alloc(length)), bytes: length }))) // prettier-ignore
      const expected = put.toSorted((a, b) => (a.hash < b.hash ? -1 : 1))
      assert.deepEqual(await store.list({ limit: 100 }), expected)
      assert.deepEqual(await store.list({ limit: 0 }), [])
      const paged: (typeof expected)[number][] = []
      for (;;) {
        const page = await store.list({ limit: 7, ...(paged.length > 0 && { after: paged.at(-1)!.hash }) })
        if (page.length === 0) break
        paged.push(...page)
      }
      assert.deepEqual(paged, expected)
    })

    test('what was removed is gone, may be removed again, and may be put again', async (t) => {
      const store = await open(t)
      const [bytes, other] = [Buffer.from('to go'), Buffer.from('to stay')]
      const [hash, stays] = [await store.put(bytes), await store.put(other)]
      assert.equal(await store.remove(hash), true)
      assert.equal(await store.remove(hash), false)
      assert.equal(store.has(hash), false)
      assert.equal(await store.read(hash), undefined)
      assert.equal(await store.file(hash), undefined)
      assert.deepEqual(await store.list({ limit: 9 }), [{ hash: stays, bytes: other.length }])
      await store.put(bytes)
      assert.equal(Buffer.from((await store.read(hash)) ?? []).toString(), 'to go')
    })

    test('puts and removals of the same bytes side by side leave them whole, or not there', async (t) => {
      const store = await open(t)
      const bytes = Buffer.alloc(100_000, 'ab')
      const hash = await store.put(bytes)
      for (let round = 0; round < 5; round++) {
        await Promise.all([store.put(bytes), store.remove(hash), store.put(bytes), store.remove(hash), store.put(bytes)])
        assert.ok(Buffer.from((await store.read(hash, { afresh: true })) ?? []).equals(bytes))
      }
    })

    test('a folder that nobody allowed is not adopted', async (t) => {
      const store = await open(t)
      await assert.rejects(store.adopt('/etc/hostname'), (error: Error) => /\[(permission-denied|unsupported)\]/.test(error.message))
    })
  })
}
