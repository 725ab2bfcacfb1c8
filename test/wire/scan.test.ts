import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { limits } from '../../src/wire/limits.ts'
import { scan } from '../../src/wire/scan.ts'
import { values } from './values.ts'

const malformed = (bytes: readonly number[] | Uint8Array, says: RegExp) =>
  assert.throws(
    () => scan(Uint8Array.from(bytes)),
    (error) => {
      assert.ok(isActiveStorageError(error, 'malformed-message'), String(error))
      assert.match(error.message, says)
      return true
    },
  )

test("msgpackr's records are refused", () => {
  const records = new Packr({ useRecords: true })
  malformed(records.pack({ a: 1, b: 2 }), /extension type 114|not part of this protocol/)
})

test('what msgpackr makes of a Map, a Set, an Error or a RegExp is refused', () => {
  const other = new Packr({ useRecords: false, moreTypes: true, mapsAsObjects: false })
  for (const value of [new Set([1]), new Error('x'), /x/, new Float32Array(2)])
    malformed(other.pack(value), /not part of this protocol|not a string/)
  malformed(other.pack(new Map([[1, 2]])), /a map key that is not a string/)
})

test('foreign extension types are refused, whatever their length', () => {
  for (const type of [5, 17, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78, 127, 0x80]) {
    malformed([0xd4, type, 0], /extension type/)
    malformed([0xc7, 3, type, 0, 0, 0], /extension type/)
    malformed([0xc8, 0, 0, type], /extension type/)
  }
})

test('extensions of the wrong length are refused', () => {
  malformed([0xd5, 0, 0, 0], /extension type 0 of 2 bytes/)
  malformed([0xd5, 1, 0, 0], /extension type 1 of 2 bytes/)
  malformed([0xd4, 0xff, 0], /extension type -1 of 1 bytes/)
  malformed([0xc8, 0x02, 0x01, 2, ...Array.from({ length: 513 }, () => 0)], /extension type 2 of 513 bytes/)
  malformed([0xc8, 0x02, 0x01, 4, ...Array.from({ length: 513 }, () => 0)], /extension type 4 of 513 bytes/)
})

test('the key "__proto__" is refused in every length form, at any depth', () => {
  const name = Buffer.from('__proto__')
  malformed([0x81, 0xa9, ...name, 0x80], /"__proto__"/)
  malformed([0x81, 0xd9, 9, ...name, 0x80], /"__proto__"/)
  malformed([0x81, 0xda, 0, 9, ...name, 0x80], /"__proto__"/)
  malformed([0x81, 0xdb, 0, 0, 0, 9, ...name, 0x80], /"__proto__"/)
  malformed([0x91, 0x81, 0xa1, 0x61, 0x81, 0xa9, ...name, 0x80], /"__proto__"/)
})

test('map keys that are no strings are refused', () => {
  malformed([0x81, 1, 1], /not a string/)
  malformed([0x81, 0xc4, 1, 0x61, 1], /not a string/)
})

test('bytes after the value are refused', () => {
  malformed([0x01, 0x01], /1 bytes follow the value/)
  malformed([...encode({ a: 1 }).body, 0xc0], /follow the value/)
})

test('a body that ends early is refused at every cut', () => {
  const { body } = encode({
    list: [1, 'text', 2n, new Date(5), -0],
    bytes: Uint8Array.of(1, 2, 3),
    t: new Tensor('uint8', Uint8Array.of(1), [1]),
  })
  for (let length = 0; length < body.byteLength; length++) malformed(body.subarray(0, length), /body/)
})

test('a claimed length beyond the bytes is refused before anything is made of it', () => {
  for (const tag of [0xdd, 0xdf, 0xc6, 0xdb, 0xc9]) malformed([tag, 0xff, 0xff, 0xff, 0xff, 0], /bytes|not part/)
  // Lists in lists, each claiming all that follows: refused by depth, without work that grows with the claims.
  malformed(Array.from({ length: 1000 }, () => [0xdd, 0, 0, 1, 0]).flat(), /bytes|deep/)
})

test('nesting beyond the limit is refused without using up the stack', () => {
  malformed(new Uint8Array(200_000).fill(0x91), new RegExp(`nested more than ${limits.depth} deep`))
  malformed(Array.from({ length: 100 }, () => [0x81, 0xa1, 0x61]).flat(), /deep|announced/)
})

test('the unused tag and long extensions are refused', () => {
  malformed([0xc1], /0xc1/)
  malformed([0xc9, 0, 0, 0, 1, 1, 0], /0xc9/)
})

test('what the encoder writes, the scan takes', () => {
  fc.assert(
    fc.property(values, (value) => void scan(encode(value).body)),
    { numRuns: 500 },
  )
})

test('mutated bodies give a value or an error of ours, never anything else', () => {
  const mutation = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'delete', 'cut') })
  fc.assert(
    fc.property(values, fc.array(mutation, { minLength: 1, maxLength: 8 }), (value, mutations) => {
      const { body, segments } = encode(value)
      let bytes = [...body]
      for (const { at, byte, kind } of mutations) {
        const place = at % (bytes.length + 1)
        if (kind === 'set') bytes[place] = byte
        else if (kind === 'insert') bytes.splice(place, 0, byte)
        else if (kind === 'delete') bytes.splice(place, 1)
        else bytes = bytes.slice(0, place)
      }
      try {
        decode(
          Uint8Array.from(bytes),
          segments,
          segments.map((segment) => segment.bytes),
        )
      } catch (error) {
        assert.ok(isActiveStorageError(error, 'malformed-message'), error instanceof Error ? error.stack : String(error))
      }
    }),
    { numRuns: 3000 },
  )
  assert.equal(Object.hasOwn(Object.prototype, 'admin'), false)
})

test('random bytes give a value or an error of ours', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decode(bytes, [], [])
      } catch (error) {
        assert.ok(isActiveStorageError(error, 'malformed-message'), error instanceof Error ? error.stack : String(error))
      }
    }),
    { numRuns: 5000 },
  )
})

test('lists and maps are counted: each takes more memory than its byte', () => {
  const body = (count: number) =>
    Buffer.concat([Buffer.from([0xdd, count >>> 24, (count >>> 16) & 255, (count >>> 8) & 255, count & 255]), Buffer.alloc(count, 0x90)])
  scan(body(limits.containers - 1))
  assert.throws(() => scan(body(limits.containers)), { code: 'too-large' })
})
