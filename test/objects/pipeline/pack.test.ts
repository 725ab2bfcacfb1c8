import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHalf } from '../../../src/core/half.ts'
import { BatchPacker, outputOf } from '../../../src/objects/pipeline/pack.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'

const fromHalf = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const mantissa = bits & 1023
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

test('every half-precision number keeps its bits, and what lies between goes to the nearest, ties to even', () => {
  for (let bits = 0; bits < 0x7c00; bits++) {
    const [low, high] = [fromHalf(bits), bits === 0x7bff ? 65_536 : fromHalf(bits + 1)]
    assert.equal(toHalf(low), bits)
    assert.equal(toHalf(-low), bits | 0x8000)
    const middle = (low + high) / 2
    assert.equal(toHalf(middle), bits + (bits & 1), `the middle above ${low}`)
    assert.equal(toHalf(low + (high - low) / 4), bits)
    assert.equal(toHalf(low + ((high - low) * 3) / 4), bits + 1)
  }
  assert.equal(toHalf(1e9), 0x7c00)
  assert.equal(toHalf(-Infinity), 0xfc00)
  assert.ok(Number.isNaN(fromHalf(toHalf(Number.NaN))))
})

const packed = (ops: readonly Op[], mirror = { horizontal: false, vertical: false }) => {
  const packer = new BatchPacker({ ops }, 1)
  packer.add(0, 'a', { data: Uint8Array.from([0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]), width: 2, height: 2, channels: 3 }, mirror)
  return packer.tensor()
}

test('pixels are laid out by channel, or left as they come, and mirrored on the way', () => {
  assert.deepEqual([...packed([]).data], [0, 10, 20, 30, 1, 11, 21, 31, 2, 12, 22, 32])
  assert.deepEqual([...packed([{ op: 'layout', order: 'NHWC' }]).data], [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32])
  assert.deepEqual([...packed([], { horizontal: true, vertical: true }).data].slice(0, 4), [30, 20, 10, 0])
})

test('normalize is (pixel * scale - mean) / std, per channel, in the dtype asked for', () => {
  const normalize: Op = { op: 'normalize', mean: [0.1, 0.2, 0.3], std: [1, 2, 4] }
  const { levels, dtype } = outputOf({ ops: [normalize] }, 3)
  assert.equal(dtype, 'float32')
  for (const level of [0, 1, 128, 255]) assert.equal(levels[512 + level], Math.fround((level * (1 / 255) - 0.3) / 4))
  const half = outputOf({ ops: [normalize, { op: 'dtype', dtype: 'float16' }] }, 3)
  assert.equal(half.levels[255], toHalf(255 * (1 / 255) - 0.1))
  assert.deepEqual(
    outputOf({ ops: [] }, 1).levels,
    Uint8Array.from({ length: 256 }, (_, i) => i),
  )
})
