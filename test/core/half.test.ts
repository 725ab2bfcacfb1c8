import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHalf, toHalf } from '../../src/core/half.ts'

test('every half-precision number comes back as it was, and NaN as a NaN', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = fromHalf(bits)
    if (Number.isNaN(value)) assert.ok(Number.isNaN(fromHalf(toHalf(value))))
    else assert.equal(toHalf(value), bits, `${bits}: ${value}`)
  }
})

test('known numbers', () => {
  assert.deepEqual([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00].map(fromHalf), [1, -2, 65_504, 2 ** -24, 2 ** -14, Infinity])
})
