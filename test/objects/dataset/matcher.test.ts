import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matcher } from '../../../src/objects/dataset/matcher.ts'
import { adopting } from './adopting.ts'

test('a star stands for any text, and stars side by side for one', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 })
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '/'), maxLength: 6 })
  fc.assert(
    fc.property(pattern, text, (stars, id) => {
      assert.equal(matcher(stars)(id), new RegExp(`^${stars.replaceAll('*', '.*')}$`).test(id))
      assert.equal(matcher(stars.replaceAll('*', '***'))(id), matcher(stars)(id))
    }),
    { numRuns: 1000 },
  )
})

test('a pattern of millions of stars is refused', async (t) => {
  const { files, write, set } = await adopting(t)
  write('a.jpg', 'a')
  await assert.rejects(set().adopt(files, { include: '*'.repeat(8_000_000) }), { code: 'invalid-argument' })
})
