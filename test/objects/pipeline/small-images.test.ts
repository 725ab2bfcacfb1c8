import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { bytesOf } from '../../../src/core/tensor.ts'
import { createDecodedCache } from '../../../src/objects/pipeline/decoded-cache.ts'
import { fixedName, runPipeline, runPipelineOnTensor } from '../../../src/objects/pipeline/engine.ts'
import { smallJpeg } from '../../../src/objects/pipeline/small-jpeg.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { key, live, nhwc, one, pattern } from './images.ts'

const jpeg = (seed: number, width = 32, height = 32) =>
  sharp(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * (seed + 3) + ((i * i) >> 7)) & 255),
    { raw: { width, height, channels: 3 } },
  )
const samplesOf = (files: readonly Buffer[]) => files.map((bytes, index) => ({ id: `s${index}`, bytes, name: `n${index}` }))
const raw = async (ops: readonly Op[], files: readonly Buffer[], options: object = {}, at = key) =>
  Buffer.from(bytesOf(await runPipeline({ ops }, samplesOf(files), at, { signal: live, ...options })))
const alone = async (ops: readonly Op[], files: readonly Buffer[], at = key) =>
  Buffer.concat(
    await Promise.all(
      files.map(async (bytes, index) =>
        Buffer.from(bytesOf(await runPipeline({ ops }, [{ id: `s${index}`, bytes }], at, { signal: live }))),
      ),
    ),
  )

const augmenting: readonly Op[] = [{ op: 'decode' }, { op: 'random-crop', width: 32, height: 32, padding: 4 }, { op: 'flip' }, nhwc]

test('small images that are decoded together have the bits that each has alone', async () => {
  const turned = await jpeg(99).jpeg().withMetadata({ orientation: 6 }).toBuffer()
  const files = [
    ...(await Promise.all(
      Array.from({ length: 37 }, (_, seed) =>
        jpeg(seed)
          .jpeg({ quality: 60 + seed, ...(seed % 2 === 0 && { chromaSubsampling: '4:4:4' }), progressive: seed % 5 === 0 })
          .toBuffer(),
      ),
    )),
    turned,
    await jpeg(7).png().toBuffer(),
    await jpeg(8).toColourspace('b-w').jpeg().toBuffer(),
    await jpeg(9).withIccProfile('p3').jpeg().toBuffer(),
  ]
  assert.deepEqual(
    files.map((file) => smallJpeg(file) !== undefined),
    [...new Array<boolean>(37).fill(true), false, false, false, false],
  )
  for (const ops of [augmenting, [{ op: 'decode', channels: 1 }, nhwc] as const])
    assert.ok((await raw(ops, files)).equals(await alone(ops, files)))
})

test('a damaged image among those decoded together is named', async () => {
  const files = await Promise.all(Array.from({ length: 20 }, (_, seed) => jpeg(seed).jpeg().toBuffer()))
  // Tables that are not there: only the decoder can tell.
  const bad = Buffer.from(files[5]!)
  bad[bad.indexOf(Buffer.from([0xff, 0xda])) + 6] = 0x33
  await assert.rejects(raw(augmenting, files.toSpliced(5, 1, bad)), { code: 'bad-sample', message: /sample "s5"/ })
  await assert.rejects(raw(augmenting, files.toSpliced(5, 1, files[5]!.subarray(0, 300))), {
    code: 'bad-sample',
    message: /sample "s5".*cut off/,
  })
})

test('what is kept decoded gives the same bits in every epoch, within its bytes, and is not decoded again', async () => {
  const files = await Promise.all(Array.from({ length: 24 }, (_, seed) => jpeg(seed).jpeg().toBuffer()))
  const specs: readonly (readonly Op[])[] = [
    augmenting,
    [
      { op: 'decode' },
      { op: 'resize', width: 20, height: 24 },
      { op: 'random-crop', width: 16, height: 16 },
      { op: 'flip', axis: 'vertical' },
      nhwc,
    ],
    [{ op: 'decode' }, { op: 'center-crop', width: 16, height: 16 }, nhwc],
    // A resize follows the first random op: nothing is kept.
    [{ op: 'decode' }, { op: 'flip' }, { op: 'resize', width: 8, height: 8 }, nhwc],
  ]
  for (const ops of specs) {
    const cache = createDecodedCache(10_000_000)
    const made = fixedName({ ops })
    for (const epoch of [0, 1, 2])
      assert.ok((await raw(ops, files, { cache }, { seed: 7, epoch })).equals(await alone(ops, files, { seed: 7, epoch })))
    assert.equal(cache.bytes > 0, made !== undefined)
    if (made === undefined) continue
    const kept = samplesOf(files).map((sample) => ({ ...sample, bytes: new Uint8Array(), pixels: cache.get(sample.name, made)! }))
    const again = await runPipeline({ ops }, kept, { seed: 7, epoch: 3 }, { signal: live, cache })
    assert.ok(Buffer.from(bytesOf(again)).equals(await alone(ops, files, { seed: 7, epoch: 3 })))
  }
  const tight = createDecodedCache(10 * (32 * 32 * 3 + 256))
  await raw(augmenting, files, { cache: tight })
  assert.equal(tight.bytes, 10 * (32 * 32 * 3 + 256))
  assert.notEqual(fixedName({ ops: augmenting }), fixedName({ ops: [{ op: 'decode', channels: 1 }, ...augmenting.slice(1)] }))
  assert.equal(fixedName({ ops: augmenting }), fixedName({ ops: [{ op: 'decode' }, { op: 'flip' }] }))
})

test('a random crop with a border takes every place once in a while, and black beyond the edge', async () => {
  const png = await pattern(6, 6).png().toBuffer()
  const whole = await one([{ op: 'decode' }, nhwc], png)
  const seen = new Set<string>()
  for (let sample = 0; sample < 400; sample++) {
    const made = await one([{ op: 'decode' }, { op: 'random-crop', width: 6, height: 6, padding: 2 }, nhwc], png, `s${sample}`)
    // The one offset at which it agrees.
    const fits = [-2, -1, 0, 1, 2]
      .flatMap((top) => [-2, -1, 0, 1, 2].map((left) => [top, left] as const))
      .filter(([top, left]) =>
        made.data.every((value, index) => {
          const [row, column] = [Math.floor(index / 18) + top, (Math.floor(index / 3) % 6) + left]
          return value === (row < 0 || column < 0 || row > 5 || column > 5 ? 0 : whole.data[(row * 6 + column) * 3 + (index % 3)])
        }),
      )
    assert.equal(fits.length, 1)
    seen.add(String(fits[0]))
  }
  assert.equal(seen.size, 25)
})

test('raw pixels are padded and cropped as decoded ones are, and a large image as a small one', async () => {
  const png = await pattern(40, 30).png().toBuffer()
  const ops: readonly Op[] = [{ op: 'random-crop', width: 36, height: 32, padding: 3 }, { op: 'flip' }, nhwc]
  const decoded = await one([{ op: 'decode' }, ...ops], png, 'x')
  const pixels = await one([{ op: 'decode' }, nhwc], png, 'x')
  const direct = await runPipelineOnTensor({ ops }, new Tensor('uint8', Uint8Array.from(bytesOf(pixels)), [1, 30, 40, 3]), ['x'], key, {
    signal: live,
  })
  // The draws of an op are those of its place, so the places are made alike.
  const shifted = await runPipelineOnTensor(
    { ops: [{ op: 'center-crop', width: 40, height: 30 }, ...ops] },
    new Tensor('uint8', Uint8Array.from(bytesOf(pixels)), [1, 30, 40, 3]),
    ['x'],
    key,
    { signal: live },
  )
  assert.deepEqual(direct.shape, decoded.shape)
  assert.deepEqual(bytesOf(shifted), bytesOf(decoded))
  const large = await sharp(
    Uint8Array.from({ length: 600 * 600 * 3 }, (_, i) => (i * 7919 + ((i * i) >> 9)) & 255),
    { raw: { width: 600, height: 600, channels: 3 } },
  )
    .png({ compressionLevel: 0 })
    .toBuffer()
  const wide: readonly Op[] = [{ op: 'decode' }, { op: 'random-crop', width: 590, height: 610, padding: 8 }, nhwc]
  assert.ok(large.length > 256 * 1024)
  const small = await sharp(large).png({ compressionLevel: 0 }).toBuffer()
  assert.deepEqual(
    bytesOf(await one(wide, large)),
    bytesOf(await runPipeline({ ops: wide }, [{ id: 'sample', bytes: small, name: 'n' }], key, { signal: live })),
  )
})
