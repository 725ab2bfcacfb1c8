import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { didYouMean, distance, nearest } from '../../src/core/nearest.ts'

test('a swap, a slip, a letter too many or too few are one step each', () => {
  assert.equal(distance('strategy', 'strategy'), 0)
  for (const typo of ['startegy', 'strategi', 'strategyy', 'stratgy']) assert.equal(distance(typo, 'strategy'), 1, typo)
  assert.equal(distance('', 'node'), 4)
})

test('the distance is symmetric, and no greater than the longer word', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      assert.equal(distance(a, b), distance(b, a))
      assert.ok(distance(a, b) <= Math.max(a.length, b.length))
    }),
  )
})

test('the nearest word is offered, and a far one is not', () => {
  assert.equal(nearest('nod', ['local', 'node', 'cloud']), 'node')
  assert.equal(nearest('LOCAL', ['local', 'node']), 'local')
  assert.equal(nearest('kubernetes', ['local', 'node', 'cloud']), undefined)
  assert.equal(didYouMean('kubernetes', ['local', 'node']), '; known here: `local`, `node`')
})
