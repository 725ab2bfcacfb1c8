import type { Value } from '../../src/core/value.ts'
import { ContentRef, Tensor } from '../../src/index.ts'
import type { Dice } from './dice.ts'
import { extremes, msgpackLengths, withLength } from './lengths.ts'
import { blind } from './blind.ts'

const text = (length: number): Buffer => Buffer.concat([Buffer.from([0xdb, 0, 0, length >> 8, length & 255]), Buffer.alloc(length, 'x')])
const uint32 = (value: number): Buffer => {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value >>> 0)
  return out
}
const ext = (type: number, content: Buffer): Buffer => {
  const head = Buffer.from([0xc8, content.length >> 8, content.length & 255, type & 255])
  return Buffer.concat([head, content])
}
const oneArgument = (body: Buffer): Buffer => Buffer.concat([Buffer.from([0x91]), body])

/** Keys and names that mean something to JavaScript, to a path, to a store or to a terminal. */
export const words = [
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'valueOf',
  'toJSON',
  'then',
  'length',
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  '/etc/passwd',
  'a/b',
  'a\0b',
  'a\nb',
  '%00',
  '\u001b[31m',
  '-1',
  'NaN',
  'node',
  'local',
  'main',
  'photos',
  '\u{1f4be}',
  '\u{1f4be}'.repeat(700),
  `x${'\u{1f4be}'.repeat(700)}`,
  'é'.repeat(300),
  'x'.repeat(128),
  'x'.repeat(129),
  'x'.repeat(300),
  'x'.repeat(5000),
] as const

/** MessagePack that no encoder of ours writes. */
const strange: readonly ((dice: Dice) => Buffer)[] = [
  // Nesting around the limit, and far beyond it.
  (dice) => Buffer.concat([Buffer.alloc(dice.pick([63, 64, 65, 66, 1000, 100_000]), 0x91), Buffer.from([0xc0])]),
  (dice) => {
    const depth = dice.pick([31, 63, 64, 65, 5000])
    return oneArgument(
      Buffer.concat([Buffer.concat(Array.from({ length: depth }, () => Buffer.from([0x81, 0xa1, 0x61]))), Buffer.from([0xc0])]),
    )
  },
  // Counts that the bytes do not hold, and counts that they do.
  (dice) =>
    Buffer.concat([
      Buffer.from([dice.pick([0xdd, 0xdf, 0xc6, 0xdb, 0xc9])]),
      uint32(dice.pick([0xffffffff, 0x7fffffff, 0x80000000, 1e6])),
      dice.bytes(dice.below(30)),
    ]),
  (dice) => {
    const count = dice.pick([1000, 20_000, 200_000])
    return oneArgument(Buffer.concat([Buffer.from([0xdd]), uint32(count), Buffer.alloc(count, dice.pick([0xc0, 0x00, 0x80, 0x90, 0xa0]))]))
  },
  (dice) => {
    const count = dice.pick([1000, 20_000])
    const entries = Array.from({ length: count }, (_, index) =>
      Buffer.concat([Buffer.from([0xa3]), Buffer.from(index.toString(36).padStart(3, '0').slice(-3)), Buffer.from([0xc0])]),
    )
    return oneArgument(Buffer.concat([Buffer.from([0xdf]), uint32(count), ...entries]))
  },
  // Extensions: foreign ones, ours of the wrong size, and ours with bad content.
  (dice) => oneArgument(ext(dice.below(256), dice.bytes(dice.below(20)))),
  (dice) => oneArgument(Buffer.concat([Buffer.from([0xd4 + dice.below(5), dice.below(256)]), dice.bytes(dice.below(20))])),
  (dice) => oneArgument(Buffer.concat([Buffer.from([0xd6, 1]), uint32(dice.pick([0, 1, 2, 65_535, 0x7fffffff, 0xffffffff]))])),
  (dice) =>
    oneArgument(
      ext(
        2,
        Buffer.from(
          dice.pick([
            '',
            '[',
            '{}',
            'null',
            '[1,2,3]',
            '["x",1,"node"]',
            `["${'ab'.repeat(32)}",-1,"node"]`,
            `["${'ab'.repeat(32)}",1e400,"node"]`,
            `["${'ab'.repeat(32)}",9007199254740993,"node"]`,
            `["${'ab'.repeat(32)}",1.5,"node"]`,
            `["${'ab'.repeat(32)}",5,"../x"]`,
            `["${'ab'.repeat(32)}",5,"__proto__"]`,
            '{"__proto__":{"polluted":true}}',
            '['.repeat(200),
            `["${'AB'.repeat(32)}",5,"node"]`,
          ]),
        ),
      ),
    ),
  (dice) =>
    oneArgument(
      ext(
        -1,
        dice.pick([
          Buffer.alloc(4, 255),
          Buffer.alloc(8, 255),
          Buffer.alloc(12, 255),
          Buffer.alloc(12, 127),
          dice.bytes(12),
          dice.bytes(8),
        ]),
      ),
    ),
  // Text that is no UTF-8, as value and as key.
  (dice) =>
    oneArgument(
      Buffer.concat([
        Buffer.from([0xd9, 4]),
        dice.pick([
          Buffer.from([0xff, 0xfe, 0xfd, 0xfc]),
          Buffer.from([0xed, 0xa0, 0x80, 0x20]),
          Buffer.from([0xf4, 0x90, 0x80, 0x80]),
          Buffer.from([0xc0, 0x80, 0xc0, 0xaf]),
        ]),
      ]),
    ),
  () => oneArgument(Buffer.from([0x81, 0xa4, 0xff, 0xfe, 0x80, 0xed, 0xc0])),
  // Keys of meaning.
  (dice) => {
    const key = Buffer.from(dice.pick(words).slice(0, 60)).subarray(0, 255)
    return oneArgument(
      Buffer.concat([
        Buffer.from([0x81, 0xd9, key.length]),
        key,
        dice.pick([Buffer.from([0x80]), Buffer.from([0xc3]), Buffer.from([0x05]), text(10)]),
      ]),
    )
  },
  () => oneArgument(Buffer.from([0x82, 0xa1, 0x61, 0x01, 0xa1, 0x61, 0x02])),
  () => oneArgument(Buffer.from([0x81, 0x01, 0x02])),
  // msgpackr's own records, which it would decode with generated code.
  (dice) => oneArgument(Buffer.concat([Buffer.from([0xd4, 0x72, 0x40]), Buffer.from([0x91, 0xa1, 0x61]), dice.bytes(3)])),
  (dice) => dice.bytes(dice.below(64)),
  () => Buffer.alloc(0),
]

/** One value of any kind, to stand where a method expects another. */
const anything = (dice: Dice, depth = 0): Value => {
  const number = () => dice.pick([0, -1, 1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 53), NaN, Infinity, -Infinity, -0, 1e308])
  switch (dice.below(depth > 2 ? 8 : 12)) {
    case 0:
      return null
    case 1:
      return undefined
    case 2:
      return dice.oneIn(2)
    case 3:
      return number()
    case 4:
      return dice.pick(words)
    case 5:
      return dice.bytes(dice.below(40))
    case 6:
      return dice.pick([2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)])
    case 7:
      return dice.pick([
        new Date(0),
        new Date(8.64e15),
        new ContentRef('ab'.repeat(32), 5, dice.pick(['node', 'local', 'elsewhere'])),
        'a.jpg',
      ])
    case 8: {
      const shape = dice.pick([[], [0], [12], [1, 2, 2, 3], [2, 8, 8, 3]])
      return new Tensor('uint8', new Uint8Array(shape.reduce((product, side) => product * side, 1)).fill(7), shape)
    }
    case 9:
      return Array.from({ length: dice.below(4) }, () => anything(dice, depth + 1))
    default: {
      const names = [
        'id',
        'content',
        'bytes',
        'ops',
        'op',
        'width',
        'seed',
        'epoch',
        'file',
        'hash',
        'external',
        'mode',
        'input',
        'shape',
        'limit',
        'after',
        'type',
        'constructor',
        'then',
        'toJSON',
      ]
      return Object.fromEntries(Array.from({ length: dice.below(5) }, () => [dice.pick(names), anything(dice, depth + 1)]))
    }
  }
}

/** Arguments of other kinds than the method expects. */
export const anyArguments = (dice: Dice): Value[] => Array.from({ length: dice.below(5) }, () => anything(dice))

/** A MessagePack body made from a valid one. */
export const mutateBody = (dice: Dice, body: Buffer): Buffer => {
  switch (dice.below(4)) {
    case 0:
      return dice.pick(strange)(dice)
    case 1: {
      const lengths = msgpackLengths(body)
      if (lengths.length > 0) return withLength(body, dice.pick(lengths), dice.pick(extremes))
      return blind(dice, body)
    }
    case 2: {
      // A tag in place of another: what follows is read as something else.
      if (body.length === 0) return body
      const out = Buffer.from(body)
      out[dice.below(Math.min(out.length, 64))] = dice.pick([
        0x80, 0x8f, 0x9f, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xc9, 0xcb, 0xcf, 0xd4, 0xd6, 0xd8, 0xdb, 0xdd, 0xdf, 0xff,
      ])
      return out
    }
    default:
      return blind(dice, body)
  }
}
