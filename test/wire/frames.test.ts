import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tensor } from '../../src/core/tensor.ts'
import type { Value } from '../../src/core/value.ts'
import { encode } from '../../src/wire/codec.ts'
import { Incoming, type Outgoing, outgoing } from '../../src/wire/frames.ts'
import type { Value as ValueMessage } from '../../src/wire/gen/active_storage/v1/Value.ts'
import { limits } from '../../src/wire/limits.ts'
import { protocol } from '../../src/wire/protocol.ts'
import { values } from './values.ts'

/** The head as it arrives: through protobuf. */
const arrived = ({ head }: Outgoing): ValueMessage => protocol.Value.deserialize(protocol.Value.serialize(head))
const large = (): Value => ({
  a: new Tensor(
    'float32',
    Float32Array.from({ length: 200_000 }, (_, i) => i),
    [200_000],
  ),
  empty: new Tensor('float32', new Float32Array(0), [0]),
  b: Uint8Array.from({ length: limits.chunkBytes * 2 + 5 }, (_, i) => i % 251),
  small: new Tensor('uint8', Uint8Array.of(1, 2, 3), [3]),
})
const bytesOfLarge = 800_000 + limits.chunkBytes * 2 + 5 + 3

const receive = (message: ValueMessage, chunks: Iterable<Uint8Array>): Value => {
  const incoming = new Incoming(message)
  for (const chunk of chunks) incoming.push(chunk)
  return incoming.value()
}
const same = (actual: Value, expected: Value) => {
  // Bytes may arrive as a Buffer: compared by what would be sent again.
  const [left, right] = [outgoing(actual), outgoing(expected)]
  assert.deepStrictEqual(left.head.body, right.head.body)
  assert.ok(Buffer.concat([...left.chunks]).equals(Buffer.concat([...right.chunks])))
  assert.ok(Buffer.from(left.head.inline ?? []).equals(Buffer.from(right.head.inline ?? [])))
  assert.deepStrictEqual(left.head.segments, right.head.segments)
}

test('a large value travels as chunks no larger than the limit, that make it whole again', () => {
  const out = outgoing(large())
  const chunks = [...out.chunks]
  assert.ok(chunks.length >= 3)
  assert.ok(chunks.every((chunk) => chunk.byteLength > 0 && chunk.byteLength <= limits.chunkBytes))
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0),
    bytesOfLarge,
  )
  same(receive(arrived(out), chunks), large())
})

test('whatever the cuts between chunks, the same value comes out', () => {
  const out = outgoing(large())
  const message = arrived(out)
  const all = Buffer.concat([...out.chunks])
  fc.assert(
    fc.property(fc.array(fc.nat(all.length), { maxLength: 12 }), (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), all.length]
      same(
        receive(
          message,
          places.slice(1).map((to, index) => all.subarray(places[index], to)),
        ),
        large(),
      )
    }),
    { numRuns: 25 },
  )
})

test('small values travel whole in their message', () => {
  fc.assert(
    fc.property(values, (value) => {
      const out = outgoing(value)
      assert.equal([...out.chunks].length, 0)
      const incoming = new Incoming(arrived(out))
      assert.ok(incoming.complete)
      assert.equal(incoming.bytes, out.bytes)
      same(incoming.value(), value)
    }),
    { numRuns: 300 },
  )
})

test('a value exactly at the inline limit stays in its message, one byte more does not', () => {
  const at = outgoing(new Uint8Array(limits.inlineBytes))
  assert.equal([...at.chunks].length, 0)
  assert.ok(new Incoming(arrived(at)).complete)
  const over = outgoing(new Uint8Array(limits.inlineBytes + 1))
  assert.equal([...over.chunks].length, 1)
  assert.equal(new Incoming(arrived(over)).complete, false)
})

test('too few bytes are refused when the value is asked for', () => {
  const out = outgoing(large())
  const incoming = new Incoming(arrived(out))
  const all = Buffer.concat([...out.chunks])
  incoming.push(all.subarray(0, -1))
  assert.equal(incoming.complete, false)
  assert.throws(() => incoming.value(), { code: 'malformed-message', message: /ended before/ })
})

test('too many bytes are refused as they come', () => {
  const out = outgoing(large())
  const incoming = new Incoming(arrived(out))
  const chunks = [...out.chunks]
  for (const chunk of chunks) incoming.push(chunk)
  assert.throws(() => incoming.push(Uint8Array.of(1)), { code: 'malformed-message', message: /1 bytes more/ })
  const again = new Incoming(arrived(out))
  assert.throws(() => again.push(Buffer.concat([...chunks, Uint8Array.of(1, 2)])), { code: 'malformed-message', message: /2 bytes more/ })
})

test('inline bytes that disagree with the segments are refused at once', () => {
  const message = arrived(outgoing(new Tensor('float32', new Float32Array(4), [4])))
  for (const inline of [Buffer.alloc(15), Buffer.alloc(17), Buffer.alloc(0)]) {
    assert.throws(() => new Incoming({ ...message, inline }), { code: 'malformed-message', message: /announce 16 bytes/ })
  }
})

test('a huge announced size is refused, or takes no memory before its bytes come', () => {
  const message = arrived(outgoing(new Uint8Array(2000)))
  const claims = (byteLength: number): ValueMessage => ({
    ...message,
    segments: [{ dtype: 'bytes', shape: [], byteLength }],
    inline: Buffer.alloc(0),
  })
  assert.throws(() => new Incoming(claims(limits.valueBytes + 1)), { code: 'too-large' })
  assert.throws(() => new Incoming(claims(2 ** 60)), /malformed-message|too-large/)
  const before = process.memoryUsage().arrayBuffers
  const huge = new Incoming(claims(2 ** 30))
  assert.equal(huge.complete, false)
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 26)
})

test('a body beyond the limit is refused unread', () => {
  const message = arrived(outgoing(1))
  assert.throws(() => new Incoming({ ...message, body: Buffer.alloc(limits.bodyBytes + 1) }), { code: 'too-large' })
})

test('a segment that is only announced takes no memory, and one whose share has come takes it once', () => {
  const bytes = 3 * 1024 ** 3
  const { body } = encode([new Uint8Array(2000)])
  const before = process.memoryUsage().arrayBuffers
  const announced = Array.from(
    { length: 20 },
    () => new Incoming({ body: Buffer.from(body), segments: [{ dtype: 'bytes', shape: [], byteLength: bytes }], inline: Buffer.alloc(0) }),
  )
  for (const incoming of announced) incoming.push(Buffer.alloc(1000))
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 ** 2)
})

test('chunks of any sizes make the segments that they were cut from', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1025, max: 3_000_000 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 1_500_000 }), { minLength: 1, maxLength: 5 }),
      (sizes, cuts) => {
        const parts = sizes.map((size, index) => Buffer.alloc(size, `${index}abc`))
        const whole = Buffer.concat(parts)
        const { body } = encode(parts)
        const segments = sizes.map((byteLength) => ({ dtype: 'bytes', shape: [], byteLength }))
        if (whole.byteLength <= limits.inlineBytes) return
        const incoming = new Incoming({ body: Buffer.from(body), segments, inline: Buffer.alloc(0) })
        for (let at = 0, turn = 0; at < whole.byteLength; turn++) {
          const size = cuts[turn % cuts.length]!
          assert.equal(incoming.complete, false)
          incoming.push(whole.subarray(at, at + size))
          at += size
        }
        assert.ok(incoming.complete)
        const value = incoming.value()
        assert.ok(Array.isArray(value) && value.length === parts.length)
        for (const [index, part] of parts.entries()) assert.ok(part.equals(value[index] as Uint8Array))
      },
    ),
    { numRuns: 60 },
  )
})
