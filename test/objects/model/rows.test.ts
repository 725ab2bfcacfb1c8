import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tensor } from '../../../src/core/tensor.ts'
import { cut, filled, joined } from '../../../src/objects/model/rows.ts'
import { bitsOf } from '../../graph/run.ts'
import { floats, told } from './support.ts'

const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
const numbers = (shape: readonly number[]) => floats(shape)
const texts = (shape: readonly number[]) => new Tensor('string', Array.from(floats(shape).data, String), shape)

test('what is cut along any axis and joined again is the same', () => {
  fc.assert(
    fc.property(shapes, fc.nat(), fc.integer({ min: 1, max: 3 }), fc.boolean(), (shape, seed, step, asTexts) => {
      const tensor = asTexts ? texts(shape) : numbers(shape)
      const axis = seed % shape.length
      const side = shape[axis]!
      const parts = Array.from({ length: Math.ceil(side / step) }, (_, i) => cut(tensor, axis, i * step, Math.min(side, (i + 1) * step)))
      assert.equal(bitsOf(joined('y', parts, axis)), bitsOf(tensor))
    }),
  )
})

test('beyond its end the last place is repeated, and zeros or empty texts fill up', () => {
  assert.deepEqual(told(cut(numbers([2, 2]), 0, 1, 4)), [[3, 2], [2, 3, 2, 3, 2, 3]]) // prettier-ignore
  assert.deepEqual(told(cut(texts([2, 2]), 1, 0, 3)), [[2, 3], ['0', '1', '1', '2', '3', '3']]) // prettier-ignore
  assert.deepEqual(told(filled(numbers([2, 1]), 1, 2)), [[2, 2], [0, 0, 1, 0]]) // prettier-ignore
  assert.deepEqual(told(filled(texts([1, 1]), 0, 2)), [[2, 1], ['0', '']]) // prettier-ignore
})

test('how far a tensor is filled up is bounded, since callers and models say it', () => {
  assert.throws(() => cut(numbers([1, 4]), 0, 0, 2 ** 30), { code: 'too-large', message: /an input of \[1, 4\]/ })
  assert.throws(() => filled(numbers([1, 1]), 1, 2 ** 40), { code: 'too-large' })
})

test('samples of less than a byte are refused', () => {
  const half = new Tensor('int4', new Uint8Array(3), [2, 3])
  assert.throws(() => cut(half, 0, 0, 1), { code: 'unsupported', message: /int4.*one sample a call/ })
})
