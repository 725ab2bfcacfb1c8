import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ContentRef } from '../../src/core/content.ts'
import { isDType, dtypes } from '../../src/core/dtype.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { ObjectRef } from '../../src/core/object-ref.ts'
import { Tensor, tensorFromBytes } from '../../src/core/tensor.ts'
import type { Value } from '../../src/core/value.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { limits } from '../../src/wire/limits.ts'
import { fromBytes, holdsReferences, toBytes } from '../../src/wire/stored.ts'
import { tensorOf, values } from './values.ts'

const roundTrip = (value: Value): Value => {
  const { body, segments } = encode(value)
  return decode(
    body,
    segments,
    segments.map(({ bytes }) => Uint8Array.from(bytes)),
  )
}
/** Byte strings may come back as Buffers, which are Uint8Arrays; the comparison is of what they hold. */
const plain = (value: Value): Value => {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]: [string, Value]) => [key, plain(item)]))
  }
  return value
}
const same = (actual: Value, expected: Value) => assert.deepStrictEqual(plain(actual), plain(expected))

const refused = (value: unknown, says: RegExp) =>
  // The type of `encode` refuses most of these; callers without types, or from JSON, do not know that.
  assert.throws(
    () => encode(value as Value),
    (error) => {
      assert.ok(isActiveStorageError(error, 'invalid-argument'), String(error))
      assert.match(error.message, says)
      return true
    },
  )

test('every value comes back deep-equal', () => {
  fc.assert(
    fc.property(values, (value) => same(roundTrip(value), value)),
    { numRuns: 1500 },
  )
})

test('every value comes back deep-equal from the store', () => {
  fc.assert(
    fc.property(values, (value) => same(fromBytes(toBytes(value)), value)),
    { numRuns: 500 },
  )
})

for (const dtype of Object.keys(dtypes).filter(isDType)) {
  test(`tensors of ${dtype} come back with their dtype, shape and bits`, () => {
    fc.assert(
      fc.property(tensorOf(dtype), (tensor) => {
        const back = roundTrip([tensor])
        assert.ok(Array.isArray(back))
        const [found]: readonly Value[] = back
        assert.ok(found instanceof Tensor)
        assert.deepStrictEqual(found, tensor)
      }),
      { numRuns: 60 },
    )
  })
}

test('numbers keep their kind: -0, NaN, and a bigint that would fit a number', () => {
  const back = roundTrip({ a: -0, b: 0, c: NaN, d: 1n, e: 2n ** 64n - 1n, f: -(2n ** 63n), g: 2 ** 53, h: [undefined, null] })
  assert.deepStrictEqual(back, { a: -0, b: 0, c: NaN, d: 1n, e: 2n ** 64n - 1n, f: -(2n ** 63n), g: 2 ** 53, h: [undefined, null] })
})

test('dates far from now come back to the millisecond', () => {
  for (const ms of [0, 1, -1, 999, -999, 8.64e15, -8.64e15, Date.UTC(1969, 11, 31), 2 ** 32 * 1000, 2 ** 34 * 1000, 2 ** 34 * 1000 + 1]) {
    assert.deepStrictEqual(roundTrip(new Date(ms)), new Date(ms))
  }
})

test('byte strings up to the limit stand in the body, longer ones beside it, and both come back', () => {
  for (const length of [0, 1, limits.bytesInBody, limits.bytesInBody + 1, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => index % 251)
    assert.equal(encode(bytes).segments.length, length > limits.bytesInBody ? 1 : 0)
    const back = roundTrip(bytes)
    assert.ok(back instanceof Uint8Array)
    assert.deepStrictEqual(Uint8Array.from(back), bytes)
  }
})

test('a content reference comes back as one', () => {
  const ref = new ContentRef('ab'.repeat(32), 12_345, 'edge-7')
  const back = roundTrip({ ref })
  assert.deepStrictEqual(back, { ref })
})

test('encoding copies no bytes of a tensor', () => {
  const data = new Float32Array(1000)
  const [segment] = encode(new Tensor('float32', data, [1000])).segments
  assert.equal(segment?.bytes.buffer, data.buffer)
})

test('an aligned float32 segment is a view of what arrived, a misaligned one is over exactly one copy', () => {
  const { body, segments } = encode(new Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]))
  const arrived = new Uint8Array(64)
  const decoded = (offset: number) => {
    const at = arrived.subarray(offset, offset + 16)
    at.set(segments[0]!.bytes)
    const back = decode(body, segments, [at])
    assert.ok(back instanceof Tensor && back.data instanceof Float32Array)
    return back.data
  }
  const view = decoded(8)
  assert.equal(view.buffer, arrived.buffer)
  assert.equal(view.byteOffset, 8)

  const copy = decoded(9)
  assert.deepStrictEqual([...copy], [1, 2, 3, 4])
  assert.notEqual(copy.buffer, arrived.buffer)
  // Of the segment and no more: one allocation of its own size.
  assert.equal(copy.buffer.byteLength, 16)
  assert.equal(copy.byteOffset, 0)
})

test('a misaligned tensor makes no other copy than its own', () => {
  const bytes = new Uint8Array(17)
  const tensor = tensorFromBytes('float32', bytes.subarray(1), [4])
  bytes.fill(0xff)
  assert.deepStrictEqual(tensor.data, new Float32Array(4))
})

class Point {
  readonly x = 1
}

test('what cannot be sent is refused, and the message names its place', () => {
  refused({ a: [1, new Map()] }, /a\[1\] is a Map/)
  refused(new Set([1]), /the value is a Set/)
  refused({ where: new Point() }, /where is a Point/)
  refused({ f: () => 1 }, /f is a function/)
  refused([Symbol('s')], /\[0\] is a symbol/)
  refused({ name: 'a\ud800b' }, /name is a string with half a surrogate pair/)
  refused({ 'a\udc00': 1 }, /a key with half a surrogate pair/)
  refused(2n ** 64n, /beyond 64 bits/)
  refused([-(2n ** 63n) - 1n], /\[0\] is a bigint beyond 64 bits/)
  refused(JSON.parse('{"a":{"__proto__":{"admin":true}}}'), /a has the key "__proto__"/)
  refused(new Date(NaN), /an invalid date/)
  refused(new Float32Array(2), /Float32Array/)
  refused(Promise.resolve(1), /Promise/)
})

test('an object whose prototype has no constructor is refused as well', () => {
  refused({ odd: Object.create(Object.create(null)) }, /odd is a/)
  refused({ odd: Object.assign(new Point(), { constructor: undefined }) }, /odd is a/)
})

test('a value that holds itself is refused and does not hang', () => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  refused(circle, /holds itself/)
  const list: unknown[] = []
  list.push(list)
  refused(list, /holds itself/)
})

test('nesting at the limit is sent, one deeper is refused', () => {
  const nest = (depth: number): Value => {
    let value: Value = 1
    for (let i = 0; i < depth; i++) value = [value]
    return value
  }
  same(roundTrip(nest(limits.depth)), nest(limits.depth))
  refused(nest(limits.depth + 1), /nested more than/)
})

test('plain data beyond the body limit is refused with a remedy', () => {
  assert.throws(
    () => encode('x'.repeat(limits.bodyBytes + 1)),
    (error) => isActiveStorageError(error, 'too-large') && /Tensor/.test(error.message),
  )
})

test('a segment number that the value does not have is refused', () => {
  const { body } = encode(new Tensor('uint8', Uint8Array.of(1), [1]))
  assert.throws(() => decode(body, [], []), { code: 'malformed-message' })
})

test('values decoded while a previous decode failed are not mixed up', () => {
  const first = encode([new Tensor('uint8', Uint8Array.of(1), [1])])
  assert.throws(() => decode(Buffer.concat([first.body, Buffer.of(1)]), first.segments, [Uint8Array.of(1)]), { code: 'malformed-message' })
  assert.throws(() => decode(first.body, [], []), { code: 'malformed-message' })
  same(roundTrip([new Tensor('uint8', Uint8Array.of(7), [1])]), [new Tensor('uint8', Uint8Array.of(7), [1])])
})

test('a tensor that stands in a value several times is one segment, also when it is stored again', () => {
  const tensor = new Tensor('float32', new Float32Array(1000), [1000])
  const value = { first: tensor, list: Array.from({ length: 400 }, () => tensor) }
  const stored = toBytes(value)
  assert.ok(stored.byteLength < 8000, `${stored.byteLength} bytes`)
  const again = toBytes(fromBytes(stored))
  assert.equal(again.byteLength, stored.byteLength)
  same(fromBytes(again), value)
})

test('a stored value reports whether it holds references, whatever else is in it', () => {
  const holds = (value: Value): boolean =>
    value instanceof ContentRef ||
    value instanceof ObjectRef ||
    (Array.isArray(value)
      ? value.some(holds)
      : typeof value === 'object' &&
        value !== null &&
        Object.getPrototypeOf(value) === Object.prototype &&
        Object.values(value).some(holds))
  const ref = new ContentRef('ab'.repeat(32), 5, 'edge')
  fc.assert(
    fc.property(values, fc.boolean(), fc.boolean(), (value, content, object) => {
      const whole = [value, ...(content ? [{ deep: [ref] }] : []), ...(object ? [new ObjectRef('box', 'a', 'edge')] : [])]
      assert.equal(holdsReferences(toBytes(whole)), holds(whole))
    }),
    { numRuns: 500 },
  )
  // A text that looks like one is none.
  assert.equal(holdsReferences(toBytes('\u0002["')), false)
})
