import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { DRAWING_OPS, DRAWS_PER_OP, EPOCHS, hashText, opDraws, permutation, philox, type Quad } from '../../src/core/random.ts'

const refused = (error: unknown) => isActiveStorageError(error, 'invalid-argument')
const ONES = 0xffffffff

test('Philox4x32-10 gives the vectors that were published with it', () => {
  const vectors: [Quad, readonly [number, number], Quad][] = [
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [ONES, ONES, ONES, ONES],
      [ONES, ONES],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ]
  for (const [counter, key, expected] of vectors) assert.deepEqual(philox(counter, key), expected)
})

test('hashText is FNV-1a of 64 bits', () => {
  assert.deepEqual(hashText(''), [0x84222325, 0xcbf29ce4])
  assert.deepEqual(hashText('a'), [0x8601ec8c, 0xaf63dc4c])
  assert.deepEqual(hashText('foobar'), [0xf739_67e8, 0x8594_4171])
})

const first = (seed: number, epoch: number, sample: string, op: number): string => {
  const draws = opDraws(seed, epoch, sample, op)
  return Array.from({ length: 4 }, () => draws.below(2 ** 32)).join()
}

test('draws are a pure function of seed, epoch, sample and op', () => {
  assert.equal(first(7, 1, 'cat', 2), first(7, 1, 'cat', 2))
})

test('no two of seed, epoch, sample and op share their draws, at the bounds too', () => {
  const seen = new Set<string>()
  let made = 0
  for (const seed of [0, 1, -1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
    for (const epoch of [0, 1, 0xffff, 0x10000, 2 ** 30, EPOCHS - 1])
      for (const op of [0, 1, DRAWING_OPS - 1])
        for (const sample of ['a', 'b']) {
          seen.add(first(seed, epoch, sample, op))
          made++
        }
  assert.equal(seen.size, made)
})

test('what does not fit the counter is refused rather than folded onto another', async () => {
  for (const epoch of [-1, 0.5, EPOCHS, Number.NaN]) {
    assert.throws(() => opDraws(7, epoch, 'a', 0), refused)
    await assert.rejects(permutation(7, epoch, 3), refused)
  }
  for (const op of [-1, 0.5, DRAWING_OPS]) assert.throws(() => opDraws(7, 0, 'a', op), refused)
  for (const seed of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => opDraws(seed, 0, 'a', 0), refused)
    await assert.rejects(permutation(seed, 0, 3), refused)
  }
  for (const count of [-1, 0.5, Number.NaN]) await assert.rejects(permutation(7, 0, count), refused)
})

test("an op's last draw is not the next op's first, and one more is refused", () => {
  const draws = opDraws(7, 0, 'a', 0)
  // Sixteen million draws: about a second, and the only way past the bound.
  for (let n = 4; n < DRAWS_PER_OP; n++) draws.uniform()
  const last = Array.from({ length: 4 }, () => draws.below(2 ** 32)).join()
  assert.notEqual(last, first(7, 0, 'a', 1))
  assert.throws(
    () => draws.uniform(),
    (error) => isActiveStorageError(error, 'too-large'),
  )
})

test('uniform is in [0, 1), and below(n) is each of 0 .. n-1 about equally often', () => {
  const draws = opDraws(1, 0, 'sample', 0)
  const counts = [0, 0, 0, 0, 0, 0, 0]
  let sum = 0
  for (let n = 0; n < 70_000; n++) {
    const drawn = draws.below(7)
    counts[drawn] = (counts[drawn] ?? 0) + 1
    const u = draws.uniform()
    assert.ok(u >= 0 && u < 1)
    sum += u
  }
  // Chi-square with 6 degrees of freedom: 22.5 is passed once in a thousand, and the draws are the same every time.
  assert.ok(counts.reduce((total, count) => total + (count - 10_000) ** 2 / 10_000, 0) < 22.5)
  assert.ok(Math.abs(sum / 70_000 - 0.5) < 0.005)
  assert.equal(draws.below(1), 0)
  for (const bound of [0, -1, 1.5, Number.NaN, 2 ** 32 + 1]) assert.throws(() => draws.below(bound), refused)
})

test('permutation is a permutation, and pure', async () => {
  await fc.assert(
    fc.asyncProperty(fc.maxSafeInteger(), fc.nat(EPOCHS - 1), fc.nat(300), async (seed, epoch, count) => {
      const order = await permutation(seed, epoch, count)
      assert.deepEqual(
        order.toSorted(),
        Uint32Array.from({ length: count }, (_, index) => index),
      )
      assert.deepEqual(await permutation(seed, epoch, count), order)
    }),
  )
})

test('epochs and seeds give other orders', async () => {
  const orders = await Promise.all([permutation(7, 0, 50), permutation(7, 1, 50), permutation(8, 0, 50), permutation(7 + 2 ** 32, 0, 50)])
  assert.equal(new Set(orders.map(String)).size, orders.length)
})

test('every order of four is about equally likely', async () => {
  const counts = new Map<string, number>()
  for (let epoch = 0; epoch < 24_000; epoch++) {
    const order = String(await permutation(3, epoch, 4))
    counts.set(order, (counts.get(order) ?? 0) + 1)
  }
  assert.equal(counts.size, 24)
  // Chi-square with 23 degrees of freedom: 49.7 is passed once in a thousand.
  assert.ok([...counts.values()].reduce((total, count) => total + (count - 1000) ** 2 / 1000, 0) < 49.7)
})

test('a known order stays: whoever resumes an epoch with a later version sees the same one', async () => {
  assert.deepEqual([...(await permutation(7, 0, 10))], [1, 2, 9, 7, 0, 8, 3, 5, 4, 6])
  const draws = opDraws(7, 3, 'cat.jpg', 2)
  assert.deepEqual([draws.below(1000), draws.below(1000), draws.below(1000)], [432, 969, 942])
})
