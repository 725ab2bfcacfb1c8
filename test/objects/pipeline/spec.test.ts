import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { checkPipeline, type Op, pipelineHash } from '../../../src/objects/pipeline/spec.ts'

const hash = (...ops: readonly Op[]) => pipelineHash({ ops })

test('the hash of a spec does not depend on the order of keys or on defaults that are spelled out', () => {
  const side = fc.integer({ min: 1, max: 999 })
  fc.assert(
    fc.property(side, side, fc.boolean(), fc.boolean(), (width, height, normalized, turned) => {
      const tail: readonly Op[] = normalized ? [{ op: 'normalize' }] : []
      const short = hash({ op: 'decode' }, { op: 'resize', width, height }, { op: 'flip' }, ...tail)
      const format: readonly Op[] = [
        { op: 'layout', order: 'NCHW' },
        { op: 'dtype', dtype: normalized ? 'float32' : 'uint8' },
      ]
      const long = hash(
        { channels: 3, op: 'decode' },
        { height, kernel: 'lanczos3', width, fit: 'fill', background: [0, 0, 0], op: 'resize' },
        { probability: 0.5, axis: 'horizontal', op: 'flip' },
        ...(normalized ? ([{ std: 1, mean: 0, scale: 1 / 255, op: 'normalize' }] as const) : []),
        ...(turned ? format.toReversed() : format),
      )
      assert.equal(short, long)
      assert.match(short, /^[0-9a-f]{64}$/)
    }),
  )
})

test('specs that do different work have different hashes', () => {
  const all = [
    hash({ op: 'decode' }),
    hash({ op: 'decode', channels: 1 }),
    hash({ op: 'decode', fast: true }),
    hash({ op: 'decode' }, { op: 'resize', width: 2, height: 3, kernel: 'hamming' }),
    hash({ op: 'decode' }, { op: 'layout', order: 'NHWC' }),
    hash({ op: 'decode' }, { op: 'dtype', dtype: 'float32' }),
    hash({ op: 'decode' }, { op: 'normalize' }),
    hash({ op: 'decode' }, { op: 'flip' }),
    hash({ op: 'decode' }, { op: 'flip', probability: 1 }),
    hash({ op: 'decode' }, { op: 'resize', width: 2, height: 3 }),
    hash({ op: 'decode' }, { op: 'resize', width: 3, height: 2 }),
  ]
  assert.equal(new Set(all).size, all.length)
  assert.equal(hash({ op: 'decode', fast: false }), hash({ op: 'decode' }))
})

test('a spec whose ops gave other values in an earlier version has another hash', () => {
  const earlier = [
    [
      ['channels', 3],
      ['op', 'decode'],
    ],
    'NCHW',
    'uint8',
  ]
  assert.notEqual(hash({ op: 'decode' }), createHash('sha256').update(JSON.stringify(earlier)).digest('hex'))
})

const decode = { op: 'decode' }
const mistakes: readonly (readonly [unknown, RegExp])[] = [
  [[decode, { op: 'rezise', width: 2, height: 2 }], /ops\[1\]\.op.*did you mean "resize"/],
  [[decode, { op: 'resize', width: 2 }], /ops\[1\]\.height.*resize needs it/],
  [[decode, { op: 'resize', width: 0, height: 2 }], /ops\[1\]\.width.*from 1 to 16384/],
  [[decode, { op: 'resize', width: 16_385, height: 2 }], /ops\[1\]\.width/],
  [[decode, { op: 'resize', width: 2, height: 2, background: 5 }], /ops\[1\]\.background.*three numbers/],
  [[decode, { op: 'resize', width: 2, height: 2, fit: 'inside' }], /ops\[1\]\.fit.*crop after it/],
  [[decode, { op: 'flip', probabilty: 1 }], /did you mean "probability"/],
  [[decode, { op: 'flip', probability: 1.5 }], /ops\[1\]\.probability.*0 to 1/],
  [[decode, { op: 'normalize', std: 0 }], /ops\[1\]\.std.*above 0/],
  [[decode, { op: 'normalize', mean: [1, 2] }], /ops\[1\]\.mean.*list of 3/],
  [[{ op: 'normalize' }, { op: 'flip' }], /ops\[1\].*too late/],
  [[{ op: 'flip' }, decode], /ops\[1\].*too late/],
  [[decode, decode], /second decode/],
  [[{ op: 'decode', fast: 'yes' }], /ops\[0\]\.fast.*true or false/],
  [[decode, { op: 'normalize' }, { op: 'dtype', dtype: 'uint8' }], /ops\[2\]\.dtype/],
  [[decode, null], /ops\[1\]/],
  ['decode', /use \{ "ops"/],
]
for (const [ops, message] of mistakes) {
  test(`refuses ${JSON.stringify(ops)}`, () => assert.throws(() => checkPipeline({ ops }), { code: 'invalid-argument', message }))
}

test('any JSON is a spec or invalid-argument, and nothing else', () => {
  const word = fc.constantFrom('decode', 'resize', 'flip', 'normalize', '__proto__', 'constructor', 'inside')
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), word)
  const op = fc.dictionary(fc.constantFrom('op', 'width', 'height', 'fit', 'mean', 'probability', '__proto__'), value)
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.record({ ops: fc.array(op, { maxLength: 4 }) })), (spec) => {
      try {
        checkPipeline(spec)
      } catch (error) {
        assert.ok(isActiveStorageError(error, 'invalid-argument'), String(error))
        return
      }
      pipelineHash(spec)
    }),
  )
})
