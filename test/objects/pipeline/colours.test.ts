import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { bytesOf } from '../../../src/core/tensor.ts'
import { loadSharp } from '../../../src/objects/pipeline/decode.ts'
import { imageHeader } from '../../../src/objects/pipeline/image-header.ts'
import { shapeInPool } from '../../../src/objects/pipeline/image-pool.ts'
import { shapeHere } from '../../../src/objects/pipeline/image-sample.ts'
import { kernels } from '../../../src/objects/pipeline/ops.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'
import { photo } from '../data.ts'
import { farthest } from '../../support/resize-reference.ts'
import { fromRaw, key, nhwc, one, pattern, plain, rawOf } from './images.ts'

const valuesOf = async (bytes: Uint8Array, ...ops: readonly Op[]) => bytesOf(await one([{ op: 'decode' }, ...ops, nhwc], bytes))

test('a flat colour stays itself under any resize, whatever its alpha, colour key or palette says', async () => {
  for (const alpha of [0, 0.03, 0.5, 1]) {
    const flat = plain({ r: 200, g: 120, b: 40, alpha }, 37)
    const files = [await flat.clone().png().toBuffer(), await flat.clone().webp({ lossless: true, exact: true }).toBuffer()]
    for (const bytes of files)
      for (const kernel of kernels)
        for (const side of [5, 36, 80]) {
          const made = await valuesOf(bytes, { op: 'resize', width: side, height: 90 - side, kernel })
          assert.ok(
            made.every((level, at) => level === [200, 120, 40][at % 3]),
            `${kernel} to ${side} with alpha ${alpha}`,
          )
        }
  }
})

test('alpha has no part in the colours: an image with it is resized as the same image without', async () => {
  const opaque = await rawOf(pattern(80, 60))
  const withAlpha = Uint8Array.from({ length: 80 * 60 * 4 }, (_, at) =>
    at % 4 === 3 ? (at * 13) & 255 : opaque.data[(at >> 2) * 3 + (at % 4)]!,
  )
  const png = await sharp(withAlpha, { raw: { width: 80, height: 60, channels: 4 } })
    .png()
    .toBuffer()
  const without = await fromRaw(opaque).png().toBuffer()
  for (const kernel of kernels) {
    const resize: Op = { op: 'resize', width: 33, height: 71, kernel, fit: 'cover' }
    assert.deepEqual(await valuesOf(png, resize), await valuesOf(without, resize), kernel)
  }
})

test('a JPEG gives what the PNG of its own pixels gives, unless it is decoded fast', async () => {
  const jpeg = photo(2)
  const png = await sharp(jpeg).png().toBuffer()
  for (const ops of [
    [{ op: 'resize', width: 64, height: 64, fit: 'cover' }],
    [
      { op: 'resize', width: 96, height: 96, kernel: 'linear' },
      { op: 'center-crop', width: 64, height: 64 },
    ],
  ] satisfies (readonly Op[])[]) {
    const exact = await valuesOf(jpeg, ...ops)
    assert.deepEqual(exact, await valuesOf(png, ...ops))
    const fast = (bytes: Uint8Array) => one([{ op: 'decode', fast: true }, ...ops, nhwc], bytes).then(bytesOf)
    const quick = await fast(jpeg)
    const off = quick.reduce((sum, level, at) => sum + Math.abs(level - exact[at]!), 0) / quick.length
    assert.ok(off > 0 && off < 3, `${off} levels on average`)
    assert.deepEqual(await fast(png), exact)
  }
})

test('fast decoding turns a photograph upright and keeps to the geometry of each fit', async () => {
  const upright = await rawOf(sharp(photo(1)))
  for (const orientation of [1, 3, 6, 8]) {
    const turned = await fromRaw(upright).jpeg({ quality: 95 }).withMetadata({ orientation }).toBuffer()
    for (const fit of ['fill', 'cover', 'contain'] as const) {
      const ops: readonly Op[] = [{ op: 'resize', width: 60, height: 90, fit, background: [9, 8, 7] }, nhwc]
      const exact = bytesOf(await one([{ op: 'decode' }, ...ops], turned))
      const fast = bytesOf(await one([{ op: 'decode', fast: true }, ...ops], turned))
      const off = fast.reduce((sum, level, at) => sum + Math.abs(level - exact[at]!), 0) / fast.length
      assert.ok(fast.length === exact.length && off < 4, `${fit}, orientation ${orientation}: ${off} levels on average`)
    }
  }
})

test('a colour profile in a file changes no value', async () => {
  const start = await rawOf(pattern(40, 30))
  const p3 = await fromRaw(start).png().withIccProfile('p3').toBuffer()
  const values = await valuesOf(p3)
  const stored = await sharp(p3, { ignoreIcc: true }).removeAlpha().raw().toBuffer()
  assert.deepEqual(Buffer.from(values), stored)
  assert.notDeepEqual(stored, await sharp(p3).removeAlpha().raw().toBuffer())
})

test('grey is made of the colours by ITU-R 601-2, and a grey picture keeps its values: a mask stays a mask', async () => {
  const colour = await rawOf(pattern(300, 200))
  const grey = bytesOf(await one([{ op: 'decode', channels: 1 }, nhwc], await fromRaw(colour).png().toBuffer()))
  const wanted = Uint8Array.from({ length: 60_000 }, (_, at) => {
    const [r, g, b] = colour.data.subarray(at * 3, at * 3 + 3)
    return (r! * 19_595 + g! * 38_470 + b! * 7471 + 32_768) >> 16
  })
  assert.equal(farthest(grey, wanted), 0)
  const classes = Uint8Array.from({ length: 90 * 70 }, (_, at) => (at % 90 < 30 ? 3 : at % 7 === 0 ? 255 : 17))
  const mask = await sharp(classes, { raw: { width: 90, height: 70, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer()
  const shown = bytesOf(await one([{ op: 'decode', channels: 1 }, { op: 'resize', width: 31, height: 200, kernel: 'nearest' }, nhwc], mask))
  for (const [at, level] of shown.entries()) {
    const [x, y] = [Math.floor((((at % 31) + 0.5) * 90) / 31), Math.floor(((Math.floor(at / 31) + 0.5) * 70) / 200)]
    assert.equal(level, classes[y * 90 + x])
  }
})

test('the header of each kind of file gives its size', async () => {
  const image = pattern(70, 33)
  const files = [
    image.clone().jpeg(),
    image.clone().jpeg({ progressive: true }),
    image.clone().png(),
    image.clone().webp(),
    image.clone().webp({ lossless: true }),
    image.clone().ensureAlpha(0.5).webp(),
    image.clone().jpeg().withMetadata({ orientation: 6 }),
  ]
  for (const file of files) {
    const { width, height, components = 3 } = imageHeader(await file.toBuffer())!
    assert.deepEqual([width, height, components], [70, 33, 3])
  }
  assert.equal(imageHeader(await image.clone().toColourspace('cmyk').jpeg().toBuffer())?.components, 4)
  assert.equal(imageHeader(new Uint8Array(100)), undefined)
})

test('a worker thread gives the bits of the calling thread, and its refusals', async () => {
  const sharpLoaded = await loadSharp()
  const specs: readonly (readonly Op[])[] = [
    [{ op: 'decode' }, { op: 'resize', width: 50, height: 40, kernel: 'cubic' }, { op: 'random-crop', width: 20, height: 20 }],
    [
      { op: 'decode', channels: 1 },
      { op: 'flip', probability: 1 },
      { op: 'resize', width: 300, height: 20, fit: 'cover' },
    ],
    [{ op: 'decode', fast: true }, { op: 'resize', width: 40, height: 40, fit: 'contain' }, { op: 'flip' }],
  ]
  for (const bytes of [photo(2), await pattern(64, 48).png().toBuffer()]) {
    for (const ops of specs) {
      const work = { spec: { ops }, key, maxPixels: 10_000_000, held: 10_000_000 }
      const sample = { id: 'sample', input: bytes, upTo: ops.length }
      const [here, there] = [await shapeHere({ ...work, sharp: sharpLoaded }, sample), await shapeInPool({ ...work, ...sample })]
      assert.deepEqual({ ...there.pixels, data: Buffer.from(there.pixels.data) }, { ...here.pixels, data: Buffer.from(here.pixels.data) })
      assert.deepEqual(there.mirror, here.mirror)
    }
  }
  const ops: readonly Op[] = [{ op: 'decode' }, { op: 'resize', width: 400, height: 400 }, { op: 'center-crop', width: 500, height: 9 }]
  await assert.rejects(one(ops, photo(2), 'narrow'), { code: 'bad-sample', message: /"narrow".*500 x 9 from 400 x 400/ })
  const wide = await plain('red', 2).resize(2, 20_000, { fit: 'fill' }).png().toBuffer()
  await assert.rejects(one([{ op: 'decode' }, { op: 'resize', width: 16_000, height: 1, fit: 'cover' }], wide, 'tall'), {
    code: 'bad-sample',
    message: /"tall".*crop it first/,
  })
})
