import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createResultSizes } from '../../src/storage-node/result-sizes.ts'

const a = { type: 'probe', method: 'a' }
const b = { type: 'probe', method: 'b' }

test('room is taken for as much as a method has lately made, less as time goes by, and none for small results', () => {
  let now = 0
  const sizes = createResultSizes(() => now)
  sizes.made(b, 20, 100)
  assert.equal(sizes.empty, true)
  sizes.made(a, 20, 8_000_000)
  assert.deepEqual([sizes.expected(a, 21), sizes.expected(b, 20), sizes.empty], [8_000_000, 0, false])
  assert.equal(sizes.expected(a, 1_000_000), 0, 'with other arguments it may make something else')
  sizes.made(a, 20, 1000)
  assert.equal(sizes.expected(a, 20), 8_000_000, 'a small one between says nothing of the next')
  now = 10_000
  assert.equal(sizes.expected(a, 20), 4_000_000)
  now = 100_000
  assert.equal(sizes.expected(a, 20), 0)
})
