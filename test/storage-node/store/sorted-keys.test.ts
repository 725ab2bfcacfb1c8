import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sortedKeys } from '../../../src/storage-node/store/sorted-keys.ts'

test('keys come in order from any point, also when there are many pieces and most were taken out again', () => {
  // Enough keys for several pieces; which ones, and where to begin, is drawn.
  const start = Array.from({ length: 3000 }, (_, i) => `k${(i * 7919) % 3000}`)
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(4000)), { maxLength: 300 }), fc.nat(4000), fc.nat(2999), (changes, from, drop) => {
      const keys = sortedKeys()
      const model = new Set<string>()
      const change = (add: boolean, key: string) => {
        if (add === model.has(key)) return
        if (add) keys.add(key)
        else keys.remove(key)
        if (add) model.add(key)
        else model.delete(key)
      }
      for (const key of start) change(true, key)
      for (const key of start.slice(0, drop)) change(false, key)
      for (const [add, n] of changes) change(add, `k${n}`)
      assert.deepEqual([...keys.from('')], [...model].toSorted())
      assert.deepEqual([...keys.from(`k${from}`)], [...model].filter((key) => key >= `k${from}`).toSorted())
    }),
    { numRuns: 15 },
  )
})
