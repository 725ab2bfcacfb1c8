import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import sharp from 'sharp'
import { bytesOf } from '../../../src/core/tensor.ts'
import { kernels } from '../../../src/objects/pipeline/ops.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'
import { farthest, type Image, referenceCrop, referenceResize } from '../../support/resize-reference.ts'
import { fromRaw, nhwc, one, pattern, type Raw, rawOf } from './images.ts'

const evenly = (value: number) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value))
/** The ops one by one, each from pixels to pixels, by the slow reference. */
const byHand = (start: Image, ops: readonly Op[]): Uint8Array => {
  let at = start
  for (const op of ops) {
    const { width, height } = at
    if (op.op === 'resize') {
      const { fit = 'fill', kernel = 'lanczos3' } = op
      const scale = (fit === 'cover' ? Math.max : Math.min)(op.width / width, op.height / height)
      const size =
        fit === 'fill'
          ? op
          : op.width / width === scale
            ? { width: op.width, height: evenly((height / width) * op.width) }
            : { width: evenly((width / height) * op.height), height: op.height }
      const made = referenceResize(at, size.width, size.height, kernel)
      if (fit === 'contain') {
        const data = new Uint8Array(op.width * op.height * 3)
        const [left, top] = [evenly((op.width - size.width) / 2), evenly((op.height - size.height) / 2)]
        for (let row = 0; row < size.height; row++)
          data.set(made.data.subarray(row * size.width * 3, (row + 1) * size.width * 3), ((top + row) * op.width + left) * 3)
        at = { data, width: op.width, height: op.height, channels: 3 }
      } else at = fit === 'cover' ? referenceCrop(made, (size.width - op.width) >> 1, (size.height - op.height) >> 1, op) : made
    } else if (op.op === 'center-crop') at = referenceCrop(at, Math.floor((width - op.width) / 2), Math.floor((height - op.height) / 2), op)
    else if (op.op === 'flip') {
      const from = at
      const data = from.data.map((_, index) => {
        const [x, y, c] = [Math.floor(index / 3) % width, Math.floor(index / 3 / width), index % 3]
        return from.data[((op.axis === 'vertical' ? height - 1 - y : y) * width + (op.axis === 'vertical' ? x : width - 1 - x)) * 3 + c]!
      })
      at = { ...from, data }
    }
  }
  return at.data
}
const flip = (axis: 'horizontal' | 'vertical'): Op => ({ op: 'flip', axis, probability: 1 })
const imageOf = ({ data, info: { width, height } }: Raw): Image => ({ data, width, height, channels: 3 })
/** Within one level for each resize: the next one may spread it, and cannot enlarge it by more than its kernel's lobes. */
const same = async (ops: readonly Op[], bytes: Buffer, start: Raw) => {
  const tensor = await one([{ op: 'decode' }, ...ops, nhwc], bytes)
  const resizes = ops.filter(({ op }) => op === 'resize').length
  assert.ok(farthest(bytesOf(tensor), byHand(imageOf(start), ops)) <= 2 * resizes, JSON.stringify(ops))
}

test('ops that share a pass give what the same ops give one by one, in the order written', async () => {
  const side = fc.integer({ min: 24, max: 60 })
  const op = fc.oneof(
    fc.record({
      op: fc.constant('resize' as const),
      width: side,
      height: side,
      fit: fc.constantFrom('fill' as const, 'cover' as const, 'contain' as const),
      kernel: fc.constantFrom(...kernels.filter((kernel) => kernel !== 'nearest')),
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

test('all orientations of one picture, resized alone, give the same pixels', async () => {
  const start = await rawOf(pattern(64, 48))
  const resize: Op = { op: 'resize', width: 21, height: 30 }
  for (let orientation = 1; orientation <= 8; orientation++) {
    const bytes = await fromRaw(start).png().withMetadata({ orientation }).toBuffer()
    const upright = await rawOf(sharp(bytes).autoOrient())
    const wanted = await one([{ op: 'decode' }, resize, nhwc], await fromRaw(upright).png().toBuffer())
    assert.deepEqual(bytesOf(await one([{ op: 'decode' }, resize, nhwc], bytes)), bytesOf(wanted), `orientation ${orientation}`)
  }
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
