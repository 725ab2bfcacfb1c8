import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import sharp from 'sharp'
import { bytesOf } from '../../../src/core/tensor.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'
import { photo } from '../data.ts'
import { fromRaw, nhwc, one, pattern, type Raw, rawOf } from './images.ts'

/** The ops one by one, each from pixels to pixels. */
const byHand = async (start: Raw, ops: readonly Op[]): Promise<Buffer> => {
  let at = start
  for (const op of ops) {
    const { width, height } = at.info
    const image = fromRaw(at)
    if (op.op === 'resize')
      at = await rawOf(image.resize(op.width, op.height, { fit: op.fit ?? 'fill', kernel: op.kernel ?? 'lanczos3', background: '#000' }))
    else if (op.op === 'center-crop')
      at = await rawOf(
        image.extract({
          left: Math.floor((width - op.width) / 2),
          top: Math.floor((height - op.height) / 2),
          width: op.width,
          height: op.height,
        }),
      )
    else if (op.op === 'flip') at = await rawOf(op.axis === 'vertical' ? image.flip() : image.flop())
  }
  return at.data
}
const flip = (axis: 'horizontal' | 'vertical'): Op => ({ op: 'flip', axis, probability: 1 })
const same = async (ops: readonly Op[], bytes: Buffer, start: Raw) => {
  const tensor = await one([{ op: 'decode' }, ...ops, nhwc], bytes)
  assert.equal(Buffer.compare(bytesOf(tensor), await byHand(start, ops)), 0, JSON.stringify(ops))
}

test('ops sharing a chain give what the same ops give one by one, in the order written', async () => {
  const side = fc.integer({ min: 24, max: 60 })
  const op = fc.oneof(
    fc.record({
      op: fc.constant('resize' as const),
      width: side,
      height: side,
      fit: fc.constantFrom('fill' as const, 'cover' as const, 'contain' as const),
      kernel: fc.constantFrom('cubic' as const, 'nearest' as const, 'lanczos3' as const),
    }),
    fc.record({ op: fc.constant('center-crop' as const), width: fc.integer({ min: 8, max: 24 }), height: fc.integer({ min: 8, max: 24 }) }),
    fc.constantFrom(flip('horizontal'), flip('vertical')),
  )
  const start = await rawOf(pattern(64, 48))
  const png = await fromRaw(start).png().toBuffer()
  // A crop may follow only what is at least as large: what else the generator makes is passed over.
  const fitting = (ops: readonly Op[]) =>
    ops.every((each, i) => each.op !== 'center-crop' || ops.slice(0, i).every((before) => before.op !== 'center-crop'))
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 5 }).filter(fitting), (ops) => same(ops, png, start)),
    { numRuns: 60 },
  )
})

test('a picture is turned upright by its EXIF orientation before it is cropped', async () => {
  const start = await rawOf(pattern(64, 48))
  for (let orientation = 1; orientation <= 8; orientation++) {
    const bytes = await fromRaw(start).png().withMetadata({ orientation }).toBuffer()
    const upright = await rawOf(sharp(bytes).autoOrient())
    await same(
      [
        { op: 'center-crop', width: 30, height: 20 },
        { op: 'resize', width: 15, height: 9 },
      ],
      bytes,
      upright,
    )
  }
})

test('a resized photograph keeps what its decoder saves by shrinking', async () => {
  const bytes = photo(2)
  const tensor = await one(
    [{ op: 'decode' }, { op: 'resize', width: 120, height: 90 }, { op: 'center-crop', width: 64, height: 64 }, nhwc],
    bytes,
  )
  const resized = await rawOf(sharp(bytes).resize(120, 90, { fit: 'fill' }))
  assert.equal(Buffer.compare(bytesOf(tensor), await byHand(resized, [{ op: 'center-crop', width: 64, height: 64 }])), 0)
})

test('each fit gives its size, and what is too small for a crop is refused by name', async () => {
  const png = await pattern(64, 32).png().toBuffer()
  for (const fit of ['fill', 'cover', 'contain'] as const)
    assert.deepEqual((await one([{ op: 'decode' }, { op: 'resize', width: 20, height: 20, fit }], png)).shape, [1, 3, 20, 20], fit)
  const inside: Op = { op: 'resize', width: 20, height: 20, fit: 'inside' }
  assert.deepEqual((await one([{ op: 'decode' }, inside, { op: 'center-crop', width: 10, height: 10 }], png)).shape, [1, 3, 10, 10])
  await assert.rejects(one([{ op: 'decode' }, inside, { op: 'center-crop', width: 11, height: 11 }], png, 'wide'), {
    code: 'bad-sample',
    message: /"wide".*11 x 11 from 20 x 10/,
  })
})
