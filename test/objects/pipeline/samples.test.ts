import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { failure, isActiveStorageError } from '../../../src/core/errors.ts'
import { runPipeline } from '../../../src/objects/pipeline/engine.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'
import { photo } from '../data.ts'
import { claimingPng, key, live, nhwc, one, plain } from './images.ts'

const first = async (bytes: Uint8Array, channels: 1 | 3 = 3, ops: readonly Op[] = []) => {
  const tensor = await one([{ op: 'decode', channels }, ...ops, nhwc], bytes)
  return [...tensor.data.slice(0, channels)].map(Number)
}
const near = (got: readonly number[], wanted: readonly number[], by = 4) =>
  assert.ok(
    got.length === wanted.length && got.every((value, i) => Math.abs(value - wanted[i]!) <= by),
    `${got.join()} is not near ${wanted.join()}`,
  )

test('every kind of picture becomes 8-bit RGB, or grey', async () => {
  const orange = plain('#ff8000')
  const half: readonly Op[] = [{ op: 'resize', width: 2, height: 2 }]
  const deep = (channels: 1 | 3) => sharp(new Uint16Array(16 * channels).fill(0x8000), { raw: { width: 4, height: 4, channels } })
  near(await first(await orange.clone().jpeg().toBuffer()), [255, 128, 0])
  near(await first(await orange.clone().webp().toBuffer()), [255, 128, 0])
  near(await first(await orange.clone().png({ palette: true }).toBuffer()), [255, 128, 0])
  // The inks of the file without a profile: 255 - black, less that much of each ink.
  near(await first(await orange.clone().toColourspace('cmyk').jpeg().toBuffer()), [253, 123, 1])
  near(await first(await plain({ r: 255, g: 128, b: 0, alpha: 0.5 }).png().toBuffer()), [255, 128, 0])
  near(await first(await deep(3).toColourspace('rgb16').png().toBuffer(), 3, half), [128, 128, 128])
  near(await first(await deep(1).toColourspace('grey16').png().toBuffer(), 1, half), [128])
  near(await first(await plain('#808080').toColourspace('b-w').jpeg().toBuffer()), [128, 128, 128])
  const frames = await Promise.all(['red', 'blue'].map((colour) => plain(colour).png().toBuffer()))
  near(
    await first(
      await sharp(frames, { join: { animated: true } })
        .webp({ lossless: true })
        .toBuffer(),
    ),
    [255, 0, 0],
  )
})

const small: Op = { op: 'resize', width: 8, height: 8 }
const refused = (bytes: Uint8Array, why: RegExp, ops: readonly Op[] = [small]) =>
  assert.rejects(one([{ op: 'decode' }, ...ops], bytes, 'odd one'), (error) => {
    assert.ok(isActiveStorageError(error, 'bad-sample'))
    assert.match(error.message, /sample "odd one"/)
    assert.match(error.message, why)
    return true
  })

test('a file cut off anywhere is refused, by its id, also where the decoder would not have read so far', async () => {
  const files = [
    photo(1),
    photo(3),
    await plain('red', 50).png().toBuffer(),
    await plain('red', 50).webp().toBuffer(),
    await plain('red', 50).jpeg({ progressive: true }).toBuffer(),
  ]
  const top: readonly Op[] = [{ op: 'center-crop', width: 8, height: 8 }]
  for (const whole of files) {
    await one([{ op: 'decode' }, small], whole)
    for (const length of [1, 2, 3, 20, 100, whole.length >> 1, whole.length - 100, whole.length - 2, whole.length - 1]) {
      if (length < whole.length) for (const ops of [[small], top]) await refused(whole.subarray(0, length), /cut off|is no JPEG/, ops)
    }
  }
})

test('bytes after the end of a picture, as cameras write them, do no harm', async () => {
  await one([{ op: 'decode' }, small], Buffer.concat([photo(1), Buffer.alloc(100)]))
})

test('what is no JPEG, PNG or WebP is refused, also what sharp could read', async () => {
  const gif = await plain('red').gif().toBuffer()
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')
  for (const bytes of [Buffer.alloc(0), Buffer.from('not a photograph'), gif, svg]) await refused(bytes, /is no JPEG, PNG or WebP/)
})

test('a header that claims more pixels than are allowed is refused before anything is decoded', async () => {
  const before = process.memoryUsage().rss
  await refused(claimingPng(60_000, 60_000), /more than the 100000000 pixels allowed/)
  assert.ok(process.memoryUsage().rss - before < 200 * 1024 ** 2)
  await assert.rejects(runPipeline({ ops: [{ op: 'decode' }] }, [{ id: 'p', bytes: photo(1) }], key, { signal: live, maxPixels: 1000 }), {
    code: 'bad-sample',
  })
})

test('a spec cannot ask for more pixels than a sample may have', async () => {
  await assert.rejects(one([{ op: 'decode' }, { op: 'resize', width: 16_384, height: 16_384 }], photo(1)), {
    code: 'invalid-argument',
    message: /ops\[1\]\.width/,
  })
})

test('samples that end with different sizes are refused by name', async () => {
  const samples = [
    { id: 'small', bytes: await plain('red').png().toBuffer() },
    { id: 'large', bytes: await plain('red', 5).png().toBuffer() },
  ]
  await assert.rejects(runPipeline({ ops: [{ op: 'decode' }] }, samples, key, { signal: live }), {
    code: 'bad-sample',
    message: /"(small|large)".*"(small|large)".*resize or crop/,
  })
})

test('an aborted call ends with the error of its signal', async () => {
  const samples = [{ id: 'p', bytes: photo(1) }]
  const reason = failure('deadline-exceeded', 'too late')
  await assert.rejects(runPipeline({ ops: [{ op: 'decode' }] }, samples, key, { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const many = Array.from({ length: 40 }, (_, i) => ({ id: `p${i}`, bytes: photo(1) }))
  const running = runPipeline({ ops: [{ op: 'decode' }, { op: 'resize', width: 8, height: 8 }] }, many, key, { signal: controller.signal })
  controller.abort()
  await assert.rejects(running, { code: 'cancelled' })
})
