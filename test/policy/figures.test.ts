import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatMs, parseBytes } from '../../src/policy/figures.ts'

test('sizes are whole bytes or a number with a unit', () => {
  const sizes: readonly (readonly [unknown, number])[] = [
    [0, 0],
    [4096, 4096],
    ['512B', 512],
    ['64MiB', 67_108_864],
    ['64 MiB', 67_108_864],
    ['1.5GiB', 1_610_612_736],
    ['2kB', 2000],
    ['3MB', 3_000_000],
    ['1GB', 1_000_000_000],
  ]
  for (const [text, bytes] of sizes) assert.equal(parseBytes(text), bytes, String(text))
  for (const text of ['64mb', '64', 'MiB', '-1B', '1e3B', '1,5MB', -1, 1.5, Number.NaN, null, [], '999999999999999GiB', '1toString'])
    assert.equal(parseBytes(text), undefined, String(text))
})

test('figures are shown in three digits', () => {
  assert.equal(formatBytes(1536), '1.5 KiB')
  assert.equal(formatBytes(64 * 2 ** 20), '64 MiB')
  assert.equal(formatBytes(3 * 2 ** 30), '3 GiB')
  assert.equal(formatBytes(12), '12 B')
  assert.equal(formatMs(1234.5), '1235 ms')
  assert.equal(formatMs(12.345), '12.3 ms')
  assert.equal(formatMs(-0.126), '-0.13 ms')
})
