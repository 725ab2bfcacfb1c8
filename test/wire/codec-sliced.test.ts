import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import type { Value } from '../../src/core/value.ts'
import { decode, encode, type Encoded } from '../../src/wire/codec.ts'
import { decodeInSlices, encodeInSlices } from '../../src/wire/codec-sliced.ts'
import { limits } from '../../src/wire/limits.ts'
import { values } from './values.ts'

/** What comes of it: the result, or the code and words of the error. */
const outcome = async <T>(work: () => T | Promise<T>): Promise<{ made: T } | { code: string; text: string }> => {
  try {
    return { made: await work() }
  } catch (error) {
    assert.ok(isActiveStorageError(error), String(error))
    return { code: error.code, text: error.text }
  }
}
const shown = (thing: unknown) => inspect(thing, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity })
const bounds = fc.record({ bytes: fc.integer({ min: 1, max: 20 }), run: fc.integer({ min: 2, max: 6 }) })
/** Lists and objects of many parts, at several depths, with keys that are numbers too. */
const nested = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    values,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.oneof(fc.string({ maxLength: 3 }), fc.nat(40).map(String)), tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
})).value

test('a value is encoded in slices to what it is at once, or refused in the same words', async () => {
  await fc.assert(
    fc.asyncProperty(nested, bounds, async (value, { run }) => {
      const [once, sliced] = [await outcome(() => encode(value)), await outcome(() => encodeInSlices(value, run))]
      if ('code' in once || 'code' in sliced) return assert.deepEqual(sliced, once)
      const valueOf = ({ body, segments }: Encoded) => decode(body, segments, segments.map(({ bytes }) => Uint8Array.from(bytes))) // prettier-ignore
      assert.deepEqual(valueOf(sliced.made), valueOf(once.made))
      assert.equal(sliced.made.segmentBytes, once.made.segmentBytes)
    }),
    { numRuns: 500 },
  )
})

test('a body is decoded in slices to the value that it has at once, or refused in the same words', async () => {
  await fc.assert(
    fc.asyncProperty(nested, bounds, fc.nat(), fc.nat(255), fc.boolean(), async (value, limited, place, byte, damaged) => {
      const made = await outcome(() => encode(value))
      if (!('made' in made)) return
      const { segments } = made.made
      const body = Uint8Array.from(made.made.body)
      if (damaged) body[place % body.length] = byte
      const bytes = segments.map((segment) => Uint8Array.from(segment.bytes))
      const once = await outcome(() => decode(body, segments, bytes))
      const sliced = await outcome(() => decodeInSlices(body, segments, bytes, limited))
      // A damaged body may be refused for what comes first, by another of its faults.
      if ('code' in once && 'code' in sliced) assert.equal(sliced.code, once.code, `${once.text} | ${sliced.text}`)
      // By their text: a damaged date is none, and no date that is none equals another.
      else assert.equal(shown(sliced), shown(once))
    }),
    { numRuns: 800 },
  )
})

test('the lengths at which heads of lists and maps change are written alike', async () => {
  for (const count of [15, 16, 17, 65_535, 65_536, 70_000]) {
    const list = Array.from({ length: count }, (_, index) => (index % 3 === 0 ? { index } : index))
    const map = Object.fromEntries(list.map((item, index) => [`k${index}`, item]))
    for (const value of [list, map, [list, 1], { list, map }] as Value[]) {
      const { body } = await encodeInSlices(value, 10)
      // At once msgpackr takes no larger maps.
      if (count < 65_536) assert.ok(Buffer.from(body).equals(Buffer.from(encode(value).body)), `${count} items`)
      assert.deepEqual(await decodeInSlices(body, [], []), value)
    }
  }
})

test('what is nested too deep, refers to itself or has too many parts is refused as at once', async () => {
  const deep = Array.from({ length: limits.depth + 1 }).reduce<Value>((inner) => [inner, ...new Array<number>(20).fill(0)], 1)
  const loop: Value[] = new Array<Value>(50).fill(0)
  loop.push(loop)
  for (const value of [deep, loop, { ['__proto__']: new Array<number>(9).fill(0) }]) {
    const [once, sliced] = [await outcome(() => encode(value)), await outcome(() => encodeInSlices(value, 5))]
    assert.ok('code' in once && 'code' in sliced)
    assert.equal(sliced.code, once.code)
  }
  const long = new Array<string>(9).fill('x'.repeat(1024 * 1024))
  const many = await outcome(() => encodeInSlices([...long, ...new Array<number>(5000).fill(0)]))
  assert.ok('code' in many && many.code === 'too-large')
})
