import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '../../src/core/tensor.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { limits } from '../../src/wire/limits.ts'
import { checkHeads, itemOf, type SegmentHead, segmentOf } from '../../src/wire/segments.ts'

const head = (dtype: string, shape: readonly number[], byteLength: number): SegmentHead => ({ dtype, shape, byteLength })

test('a declared size that disagrees with dtype and shape is refused before the bytes come', () => {
  const wrong: readonly SegmentHead[] = [
    head('float32', [2, 2], 15),
    head('float32', [2, 2], 17),
    head('int4', [3], 3),
    head('float16', [3], 3),
    head('string', [2], 11),
    head('bytes', [4], 4),
    head('float128', [1], 16),
    head('toString', [1], 1),
    head('__proto__', [], 0),
    head('float32', [-1], 4),
    head('float32', [0.5], 2),
    head('float32', [2 ** 40, 2 ** 40], 0),
    head(
      'float32',
      Array.from({ length: 33 }, () => 1),
      4,
    ),
    head('uint8', [], -1),
    head('bytes', [], NaN),
    head('bytes', [], 1.5),
  ]
  for (const one of wrong) {
    assert.throws(() => checkHeads([head('uint8', [1], 1), one]), { code: 'malformed-message', message: /segment 1/ }, JSON.stringify(one))
  }
})

test('sizes that agree are summed', () => {
  assert.equal(
    checkHeads([head('float32', [2, 2], 16), head('int4', [3], 2), head('string', [1], 9), head('bytes', [], 5), head('int64', [0, 7], 0)]),
    32,
  )
})

test('a value beyond the limits on segments and bytes is refused', () => {
  assert.throws(() => checkHeads(Array.from({ length: limits.segments + 1 }, () => head('bytes', [], 0))), { code: 'too-large' })
  assert.throws(() => checkHeads([head('bytes', [], limits.valueBytes), head('bytes', [], 1)]), { code: 'too-large' })
})

test('bytes that disagree with their head are refused when the tensor is made', () => {
  assert.throws(() => itemOf(head('float32', [2], 8), new Uint8Array(7)), { code: 'malformed-message' })
  const { body, segments } = encode(new Tensor('float32', new Float32Array(2), [2]))
  assert.throws(() => decode(body, segments, [new Uint8Array(9)]), { code: 'malformed-message' })
  assert.throws(() => decode(body, segments, []), { code: 'malformed-message' })
})

const strings = (offsets: readonly number[], text: string) => {
  const out = Buffer.alloc(offsets.length * 4)
  offsets.forEach((offset, index) => out.writeUInt32LE(offset, index * 4))
  return Buffer.concat([out, Buffer.from(text)])
}

test('string tensors whose offsets lie are refused', () => {
  const two = (offsets: readonly number[], text: string) => itemOf(head('string', [2], 12 + text.length), strings(offsets, text))
  assert.ok(two([0, 2, 4], 'abcd') instanceof Tensor)
  for (const offsets of [
    [1, 2, 4],
    [0, 3, 2],
    [0, 2, 5],
    [0, 2, 3],
    [0, 0xffffffff, 4],
  ]) {
    assert.throws(() => two(offsets, 'abcd'), { code: 'malformed-message' }, offsets.join())
  }
})

test('string tensors hold text beyond ASCII, and empty strings', () => {
  const tensor = new Tensor('string', ['', 'häuser', '🐟', ''], [2, 2])
  const segment = segmentOf(tensor)
  assert.deepStrictEqual(itemOf(segment, segment.bytes), tensor)
})
