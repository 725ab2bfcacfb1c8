import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  apportion,
  roundSteps,
  samplesIn,
  SteadyTakes,
  takesByCount,
  takesBySpeed,
  withoutSingles,
} from '../../../src/objects/parallel/takes.ts'

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 8 })

test('what is shared out is all that there is, in proportion, and nobody has more than the most', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 500 }),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.integer({ min: 0, max: 200 })), { minLength: 1, maxLength: 8 }),
      (total, all) => {
        const [weights, most] = [all.map(([weight]) => weight), all.map(([, each]) => each)]
        const given = apportion(total, weights, most)
        assert.equal(sum(given), Math.min(total, sum(most)))
        assert.ok(given.every((each, i) => Number.isSafeInteger(each) && each >= 0 && each <= most[i]!))
      },
    ),
  )
  assert.deepEqual(apportion(16, [1, 3], [100, 100]), [4, 12])
  assert.deepEqual(apportion(16, [1, 3], [100, 5]), [11, 5])
})

test('by count, all come to their end in the same batch, and sizes differ by three at the most', () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 64 }), (counts, batch) => {
      const stocks = counts.map((count) => ({ count, next: 0 }))
      const [seen, total] = [counts.map(() => new Set<number>()), sum(counts)]
      for (let done = 0; done < total;) {
        const takes = takesByCount(stocks, batch)
        assert.equal(sum(takes), Math.min(batch, total - done))
        takes.forEach((take, i) => {
          stocks[i]!.next += take
          assert.ok(stocks[i]!.next <= stocks[i]!.count)
          if (done + batch < total) seen[i]!.add(take)
        })
        done += sum(takes)
      }
      for (const each of seen) assert.ok(Math.max(0, ...each) - Math.min(Infinity, ...each) <= 3, String([...each]))
    }),
  )
})

test('by speed, parts are in proportion, and nobody who has samples goes without', () => {
  const stocks = [
    { count: 500, next: 0, speed: 900 },
    { count: 500, next: 0, speed: 100 },
    { count: 500, next: 500, speed: 100 },
    { count: 500, next: 0, speed: 0.001 },
  ]
  assert.deepEqual(takesBySpeed(stocks, 32), [27, 4, 0, 1])
  assert.deepEqual(
    takesBySpeed(
      [
        { count: 30, next: 0 },
        { count: 90, next: 0, speed: 5 },
      ],
      16,
    ),
    [4, 12],
  )
})

test('parts are kept to until they have to change', () => {
  const takes = new SteadyTakes()
  const stock = (next: number, speed: number) => ({ count: 1000, next, speed })
  const first = takes.of(['a', 'b'], [stock(0, 10), stock(0, 10)], 16)
  assert.deepEqual(first, [8, 8])
  assert.deepEqual(takes.of(['a', 'b'], [stock(8, 10), stock(8, 11)], 16), first)
  assert.deepEqual(takes.of(['a'], [stock(8, 10)], 16), [16])
  assert.deepEqual(takes.of(['a'], [stock(993, 10)], 16), [7])
})

test('rounds are as long as speeds say, and end with the samples; no sample is left alone', () => {
  const stocks = [
    { count: 500, next: 0, speed: 90 },
    { count: 500, next: 0, speed: 30 },
    { count: 500, next: 475, speed: 90 },
    { count: 500, next: 467, speed: 0.1 },
  ]
  assert.deepEqual(roundSteps(stocks, 'speed', 9, 16), [9, 3, 2, 1])
  assert.deepEqual(roundSteps(stocks, 'remaining', 9, 16), [9, 9, 2, 2])
  assert.deepEqual([samplesIn(2, 16, 25), samplesIn(2, 16, 33), samplesIn(1, 16, 33)], [25, 33, 16])
  assert.deepEqual(
    withoutSingles(
      [1, 4, 7, 0, 1],
      [
        { count: 9, next: 0 },
        { count: 5, next: 0 },
        { count: 9, next: 0 },
        { count: 9, next: 0 },
        { count: 3, next: 0 },
      ],
    ),
    [2, 5, 7, 0, 3],
  )
})
