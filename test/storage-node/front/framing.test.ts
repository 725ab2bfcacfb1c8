import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Framing } from '../../../src/storage-node/front/framing.ts'

const LIMITS = { first: 1000, later: 100 }
const message = (length: number, flag = 0): Buffer => {
  const bytes = Buffer.alloc(5 + length, 7)
  bytes[0] = flag
  bytes.writeUInt32BE(length, 1)
  return bytes
}

test('messages are counted however their bytes are cut into pieces, and one that is not whole is known', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(100), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 50 }),
      (lengths, cuts) => {
        const bytes = Buffer.concat(lengths.map((length) => message(length)))
        const ends = lengths.map((_, index) => lengths.slice(0, index + 1).reduce((sum, length) => sum + 5 + length, 0))
        const framing = new Framing(LIMITS)
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const next = Math.min(bytes.length, at + cuts[turn % cuts.length]!)
          framing.read(bytes.subarray(at, next))
          at = next
          assert.equal(framing.messages, ends.filter((end) => end <= at).length)
          assert.equal(framing.partial, at > 0 && !ends.includes(at))
        }
      },
    ),
  )
})

test('a message that is too large is refused by its head, the first and those after it by limits of their own', () => {
  const framing = new Framing(LIMITS)
  framing.read(message(1000))
  assert.throws(() => framing.read(message(101).subarray(0, 5)), { code: 'too-large', message: /101 bytes; the most is 100/ })
  assert.throws(() => new Framing(LIMITS).read(message(1001).subarray(0, 5)), { code: 'too-large' })
})

test('a compressed message is refused by its first byte', () => {
  assert.throws(() => new Framing(LIMITS).read(Buffer.from([1])), { code: 'unsupported', message: /compression/ })
})
