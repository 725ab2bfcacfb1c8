import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { keyOf, type Store, type Write } from '../../src/storage-node/store/store.ts'

/** What every store must do. `open` gives an empty one, closed by the test's end. */
export const storeContract = (name: string, open: (t: TestContext) => Promise<Store>): void => {
  const text = (entries: readonly (readonly [string, Buffer])[]) => entries.map(([key, value]) => [key, value.toString()])
  const put = (key: string, value: string): Write => ({ key, value: Buffer.from(value) })

  void suite(name, () => {
    test('of two snapshots of one moment, one goes on when the other is done', async (t) => {
      const store = await open(t)
      await store.commit([put('a', '1')])
      const [first, second] = await Promise.all([store.snapshot(), store.snapshot()])
      first.done()
      await store.commit([put('a', '2')])
      assert.equal(second.get('a')?.toString(), '1')
      assert.deepEqual(text(second.range('', { limit: 9 })), [['a', '1']])
      second.done()
    })

    test('a committed value is read back, replaced and deleted', async (t) => {
      const store = await open(t)
      assert.equal(store.get('a'), undefined)
      await store.commit([put('a', '1'), put('b', '2')])
      assert.equal(store.get('a')?.toString(), '1')
      await store.commit([put('a', '3'), { key: 'b', value: undefined }, { key: 'never', value: undefined }])
      assert.equal(store.get('a')?.toString(), '3')
      assert.equal(store.get('b'), undefined)
    })

    test('an empty value is a value', async (t) => {
      const store = await open(t)
      await store.commit([put('a', '')])
      assert.equal(store.get('a')?.length, 0)
    })

    test('a range has the entries of its prefix in the order of their bytes', async (t) => {
      const store = await open(t)
      const words = ['b', 'a', 'ä', 'aa', 'Z', '🐟', '�', '10', '9', 'zz']
      await store.commit([
        ...words.map((word) => put(keyOf('x', word), word)),
        put(keyOf('w', 'z'), 'before'),
        put(keyOf('xx'), 'beside'),
        put(keyOf('y', 'a'), 'after'),
      ])
      const byBytes = words.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      assert.deepEqual(
        store.range(keyOf('x'), { limit: 100 }).map(([, value]) => value.toString()),
        byBytes,
      )
    })

    test('a range goes on after a key, whether that is there or not, and stops at its limit', async (t) => {
      const store = await open(t)
      await store.commit(['a', 'b', 'd', 'e'].map((key) => put(`p${key}`, key)))
      assert.deepEqual(text(store.range('p', { after: 'pb', limit: 10 })), [
        ['pd', 'd'],
        ['pe', 'e'],
      ])
      assert.deepEqual(text(store.range('p', { after: 'pc', limit: 1 })), [['pd', 'd']])
      assert.deepEqual(text(store.range('p', { after: 'pe', limit: 10 })), [])
      assert.deepEqual(text(store.range('p', { limit: 2 })), [
        ['pa', 'a'],
        ['pb', 'b'],
      ])
      assert.deepEqual(text(store.range('q', { limit: 2 })), [])
      assert.deepEqual(text(store.range('p', { after: 'a', limit: 1 })), [['pa', 'a']])
      assert.deepEqual(text(store.range('p', { limit: 0 })), [])
    })

    test('a range sees what was committed after an earlier one', async (t) => {
      const store = await open(t)
      await store.commit([put('p1', '1')])
      assert.equal(store.range('p', { limit: 9 }).length, 1)
      await store.commit([put('p0', '0'), put('p2', '2')])
      assert.deepEqual(text(store.range('p', { limit: 9 })), [
        ['p0', '0'],
        ['p1', '1'],
        ['p2', '2'],
      ])
    })

    test('a commit that is refused leaves nothing of itself', async (t) => {
      const store = await open(t)
      await store.commit([put('a', 'old')])
      for (const [key, code] of [
        ['c'.repeat(1901), 'too-large'],
        ['', 'invalid-argument'],
      ] as const) {
        await assert.rejects(store.commit([put('a', 'new'), put('b', 'new'), put(key, 'new')]), { code })
        assert.equal(store.get('a')?.toString(), 'old')
        assert.equal(store.get('b'), undefined)
        assert.equal(store.get(key), undefined)
      }
      const longest = 'k'.repeat(1900)
      await store.commit([put(longest, 'x')])
      assert.equal(store.get(longest)?.toString(), 'x')
    })

    test('snapshots taken in one moment end one by one, and each stays what it was', async (t) => {
      const store = await open(t)
      await store.commit([{ key: 'a', value: Buffer.from('old') }])
      const [first, second, third] = await Promise.all([store.snapshot(), store.snapshot(), store.snapshot()])
      first.done()
      await store.commit([{ key: 'a', value: Buffer.from('new') }])
      assert.equal(String(second.get('a')), 'old')
      second.done()
      assert.equal(String(third.get('a')), 'old')
      third.done()
      assert.equal(String(store.get('a')), 'new')
    })

    test('fifty thousand entries are read page by page, each once and in order', async (t) => {
      const store = await open(t)
      const count = 50_000
      await store.commit(Array.from({ length: count }, (_, i) => put(`p${String((i * 7919) % count).padStart(6, '0')}`, `${i}`)))
      let [seen, after] = [0, 'p']
      for (;;) {
        const page = store.range('p', { after, limit: 1000 })
        for (const [key] of page) assert.equal(key, `p${String(seen++).padStart(6, '0')}`)
        if (page.length === 0) break
        after = page.at(-1)![0]
      }
      assert.equal(seen, count)
    })

    test('a value of 20 MiB comes back whole', async (t) => {
      const store = await open(t)
      const value = Buffer.alloc(20 * 1024 ** 2, 'abcdefg')
      await store.commit([{ key: 'big', value }])
      assert.ok(store.get('big')?.equals(value))
    })

    test('a value that was read stays what it was', async (t) => {
      const store = await open(t)
      await store.commit([put('a', 'first')])
      const held = store.get('a')
      for (let i = 0; i < 50; i++) await store.commit([put('a', `next ${i}`)])
      assert.equal(held?.toString(), 'first')
    })

    test('commits made side by side all happen, those of one key in their order', async (t) => {
      const store = await open(t)
      await Promise.all(Array.from({ length: 100 }, (_, i) => store.commit([put(`k${i}`, `${i}`), put('last', `${i}`)])))
      assert.equal(store.range('k', { limit: 1000 }).length, 100)
      assert.equal(store.get('last')?.toString(), '99')
    })

    test('any sequence of commits leaves what a plain map would hold', async (t) => {
      const store = await open(t)
      const key = fc.constantFrom('a', 'b', 'ab', 'b\0', 'ba', 'c')
      const write = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }) })
      const model = new Map<string, string>()
      await fc.assert(
        fc.asyncProperty(fc.array(write, { maxLength: 6 }), fc.constantFrom('', 'a', 'b'), async (writes, prefix) => {
          await store.commit(
            writes.map(({ key: name, value }) => ({ key: name, value: value === undefined ? undefined : Buffer.from(value) })),
          )
          for (const { key: name, value } of writes) {
            if (value === undefined) model.delete(name)
            else model.set(name, Buffer.from(value).toString('hex'))
          }
          const expected = [...model].filter(([name]) => name.startsWith(prefix)).toSorted(([a], [b]) => (a < b ? -1 : 1))
          assert.deepEqual(
            store.range(prefix, { limit: 100 }).map(([name, value]) => [name, value.toString('hex')]),
            expected,
          )
        }),
        { numRuns: 60 },
      )
    })
  })
}
