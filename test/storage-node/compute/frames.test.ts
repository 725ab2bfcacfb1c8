import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import type { Value } from '../../../src/core/value.ts'
import { FrameReader, pack, unpack } from '../../../src/storage-node/compute/process/frames.ts'

/** Sends a value through a reader in pieces, with the file as memory. */
const through = (value: Value, pieces: readonly number[]): Value => {
  const { packet, filed, fileBytes } = pack(value)
  const file = new Uint8Array(fileBytes)
  for (const { offset, bytes } of filed) file.set(bytes, offset)
  const reader = new FrameReader()
  const given = Buffer.from(packet)
  let at = 0
  for (const piece of [...pieces, given.length]) {
    const end = Math.min(given.length, at + piece)
    const frame = reader.push(given.subarray(at, end))
    at = end
    assert.equal(frame !== undefined, at === given.length)
    if (frame !== undefined) return unpack(frame, (offset, byteLength) => file.slice(offset, offset + byteLength))
  }
  return assert.fail('no frame')
}

test('values come back as they went, in whatever pieces they come', () => {
  const value = fc.record(
    {
      text: fc.string({ unit: 'grapheme' }),
      number: fc.double(),
      list: fc.array(fc.double()),
      small: fc.float32Array({ maxLength: 20 }).map((data) => new Tensor('float32', data, [data.length])),
      large: fc.integer({ min: 4000, max: 30_000 }).map(
        (length) =>
          new Tensor(
            'int32',
            Int32Array.from({ length }, (_, i) => i * 7),
            [length],
          ),
      ),
      texts: fc.array(fc.string({ unit: 'grapheme' })).map((data) => new Tensor('string', data, [data.length])),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(value, fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 5 }), (given, pieces) => {
      assert.deepEqual(
        through(
          given,
          pieces.filter((piece) => piece > 0 && piece < 20),
        ),
        given,
      )
    }),
    { numRuns: 100 },
  )
})

test('bytes of any kind are a frame, or refused, and nothing else', () => {
  const damaged = fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.boolean()).map(([bytes, whole]) => {
    const given = Buffer.from(bytes)
    // Lengths that fit reach what comes after them.
    if (whole && given.length >= 12) for (const [i, length] of [Math.min(40, given.length - 12), Math.max(0, given.length - 52), 0].entries()) given.writeUInt32LE(length, 4 * i) // prettier-ignore
    return given
  })
  fc.assert(
    fc.property(damaged, (bytes) => {
      try {
        const frame = new FrameReader().push(bytes)
        if (frame !== undefined) unpack(frame, (_, byteLength) => new Uint8Array(Math.min(byteLength, 1000)))
      } catch (error) {
        assert.ok(isActiveStorageError(error) && ['malformed-message', 'too-large'].includes(error.code), String(error))
      }
    }),
    { numRuns: 1000 },
  )
})
