import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResultSizes } from '../../src/storage-node/result-sizes.ts'

test('room is taken for as much as a method has lately made, less as time goes by, and none for small results', () => {
  let now = 0
  const sizes = createResultSizes(() => now)
  sizes.made('a', 8_000_000)
  sizes.made('b', 100)
  assert.deepEqual([sizes.expected('a'), sizes.expected('b'), sizes.expected('c')], [8_000_000, 0, 0])
  sizes.made('a', 1000)
  assert.equal(sizes.expected('a'), 8_000_000, 'a small one between says nothing of the next')
  now = 10_000
  assert.equal(sizes.expected('a'), 4_000_000)
  now = 100_000
  assert.equal(sizes.expected('a'), 0)
})
