import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeClientFrame,
  decodeServerFrame,
  encodeClientFrame,
  encodeServerFrame,
  receiveClientFrame,
} from '../../src/wire/frame-codec.ts'
import { protocol, reflected } from '../../src/wire/protocol.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Buffer.from(each))
const number = fc.oneof(fc.nat(200), fc.maxSafeNat())
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const values = fc.record({
  body: bytes,
  segments: fc.array(fc.record({ dtype: text, shape: fc.array(number, { maxLength: 4 }), byteLength: number }), { maxLength: 3 }),
  inline: bytes,
})
const starts = fc.record(
  {
    type: text,
    object: text,
    method: text,
    arguments: values,
    callId: text,
    idempotencyKey: text,
    chain: fc.array(text, { maxLength: 3 }),
    budgetMs: fc.double({ noNaN: true }),
    expectedVersion: number,
    fencingToken: number,
    asyncDurability: fc.boolean(),
    traceParent: text,
  },
  { requiredKeys: ['type', 'object', 'method', 'arguments', 'callId', 'idempotencyKey', 'chain', 'asyncDurability', 'traceParent'] },
)
const clientFrames = fc.oneof(
  starts.map((start) => ({ start })),
  bytes.map((chunk) => ({ chunk })),
)
const serverFrames = fc.oneof(
  values.map((value) => ({ value })),
  bytes.map((chunk) => ({ chunk })),
)

/** Without what reflection adds: which of a oneof is set, and prototypes. */
const plain = (message: unknown): unknown =>
  Array.isArray(message)
    ? message.map(plain)
    : typeof message === 'object' && message !== null && !Buffer.isBuffer(message)
      ? Object.fromEntries(
          Object.entries(message)
            .filter(([key]) => !key.startsWith('_'))
            .map(([key, value]) => [key, plain(value)]),
        )
      : message

test('the service uses the frame codec', () => {
  assert.equal(protocol.StorageNode.service.Call.requestDeserialize, receiveClientFrame)
  assert.notEqual(reflected.requestDeserialize, decodeClientFrame)
})

test('a client frame says what reflection says, and each reads the other', () => {
  fc.assert(
    fc.property(clientFrames, (frame) => {
      const ours = encodeClientFrame(frame)
      const theirs = reflected.requestSerialize(frame)
      // Reflection also writes what is empty.
      assert.ok(ours.length <= theirs.length)
      const meant = plain(reflected.requestDeserialize(theirs))
      assert.deepEqual(plain(reflected.requestDeserialize(ours)), meant)
      assert.deepEqual(plain(decodeClientFrame(ours)), meant)
      assert.deepEqual(plain(decodeClientFrame(theirs)), meant)
    }),
  )
})

test('a server frame says what reflection says, and each reads the other', () => {
  fc.assert(
    fc.property(serverFrames, (frame) => {
      const ours = encodeServerFrame(frame)
      const theirs = reflected.responseSerialize(frame)
      // Reflection also writes what is empty.
      assert.ok(ours.length <= theirs.length)
      const meant = plain(reflected.responseDeserialize(theirs))
      assert.deepEqual(plain(reflected.responseDeserialize(ours)), meant)
      assert.deepEqual(plain(decodeServerFrame(ours)), meant)
      assert.deepEqual(plain(decodeServerFrame(theirs)), meant)
    }),
  )
})

test('bytes are read as views of the message', () => {
  const message = encodeClientFrame({ chunk: Buffer.alloc(1000, 7) })
  assert.equal(decodeClientFrame(message).chunk?.buffer, message.buffer)
})

test('fields of a later protocol are skipped', () => {
  const known = encodeServerFrame({ value: { body: Buffer.from([0xc0]), segments: [], inline: Buffer.alloc(0) } })
  // Field 15 as a varint, as 8 bytes and as a string.
  const later = Buffer.concat([Buffer.from([0x78, 0x05, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 0x02, 0x41, 0x42]), known])
  assert.deepEqual(decodeServerFrame(later), decodeServerFrame(known))
})

test('what is no message throws and reads nothing beyond its end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(decodeClientFrame, decodeServerFrame), (noise, decode) => {
      try {
        decode(Buffer.from(noise))
      } catch (error) {
        assert.ok(error instanceof Error)
      }
    }),
  )
  const frame = encodeClientFrame({ start: { type: 'site', object: 'main', method: 'echo', arguments: { body: Buffer.from([0x90]) } } })
  for (let cut = 1; cut < frame.length; cut++) assert.throws(() => decodeClientFrame(frame.subarray(0, cut)))
  // A segment that claims to be longer than the value it stands in.
  assert.throws(() => decodeServerFrame(Buffer.from([0x0a, 0x04, 0x12, 0x7f, 0x00, 0x00])), RangeError)
})
