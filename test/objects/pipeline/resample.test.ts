import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { kernels } from '../../../src/objects/pipeline/ops.ts'
import { nearestOf, weightsOf } from '../../../src/objects/pipeline/resample/weights.ts'
import { resample, toGrey } from '../../../src/objects/pipeline/resample/resample.ts'
import { farthest, type Image, referenceCrop, referenceResize } from '../../support/resize-reference.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

test('the generated module is what its source assembles to', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'as-resample-'))
  t.after(() => rmSync(folder, { recursive: true }))
  execFileSync(process.execPath, [join(root, 'scripts/generate-resample.mjs'), join(folder, 'kernels.ts')], { cwd: root })
  assert.equal(
    readFileSync(join(folder, 'kernels.ts'), 'utf8'),
    readFileSync(join(root, 'src/objects/pipeline/resample/gen/kernels.ts'), 'utf8'),
  )
})

/** Noise, black and white alone, or a slope: by the seed. */
const imageOf = (width: number, height: number, channels: number, seed: number): Image => {
  const data = new Uint8Array(width * height * channels)
  let state = seed + 1
  for (let at = 0; at < data.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const noise = state >>> 24
    const pixel = Math.floor(at / channels)
    data[at] = seed % 3 === 0 ? noise : seed % 3 === 1 ? (noise > 127 ? 255 : 0) : ((pixel % width) * 3 + Math.floor(pixel / width)) & 255
  }
  return { data, width, height, channels }
}
const whole = (image: Image) => ({ pixels: image, box: { left: 0, top: 0, width: image.width, height: image.height } })

const side = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 90 }), fc.integer({ min: 100, max: 300 }))
const cases = fc.record({
  width: side,
  height: side,
  to: fc.record({ width: side, height: side }),
  channels: fc.constantFrom(1, 3),
  kernel: fc.constantFrom(...kernels),
  seed: fc.integer({ min: 0, max: 1000 }),
  /** Places of the part that is resized, and of the window that is made, from 0 to 1. */
  part: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
  window: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
})
const span = (length: number, [at, size]: readonly [number, number]) => {
  const first = Math.min(length - 1, Math.floor(at * length))
  return [first, Math.max(1, Math.floor(size * (length - first)))] as const
}

test('a resize of any part, to any size, of which any window is made, is within one level of a slow one in float64', () => {
  fc.assert(
    fc.property(cases, ({ width, height, to, channels, kernel, seed, part, window }) => {
      const image = imageOf(width, height, channels, seed)
      const [left, partWidth] = span(width, part)
      const [top, partHeight] = span(height, part)
      const box = { left, top, width: partWidth, height: partHeight }
      const [windowLeft, windowWidth] = span(to.width, window)
      const [windowTop, windowHeight] = span(to.height, window)
      const made = resample(
        { pixels: image, box },
        to,
        { left: windowLeft, top: windowTop, width: windowWidth, height: windowHeight },
        kernel,
      )
      const slow = referenceResize(referenceCrop(image, left, top, box), to.width, to.height, kernel)
      const wanted = referenceCrop(slow, windowLeft, windowTop, { width: windowWidth, height: windowHeight })
      // By `nearest` a place on the edge between two pixels may be either.
      if (kernel !== 'nearest') assert.ok(farthest(made.data, wanted.data) <= 1, `${farthest(made.data, wanted.data)} levels`)
      assert.deepEqual([made.width, made.height, made.channels], [wanted.width, wanted.height, channels])
    }),
    { numRuns: 400 },
  )
})

test('the passes in WebAssembly give the bits of the same sums in plain integers', () => {
  const across = ({ data, width, height, channels }: Image, result: number, kernel: Exclude<(typeof kernels)[number], 'nearest'>) => {
    const { firsts, values, taps } = weightsOf(kernel, { source: width, result }, { first: 0, count: result })
    const out = new Uint8Array(result * height * channels)
    for (let row = 0; row < height; row++) {
      for (let x = 0; x < result; x++) {
        for (let channel = 0; channel < channels; channel++) {
          let sum = 2 ** 21
          for (let tap = 0; tap < taps; tap++)
            sum = (sum + Math.imul(values[x * taps + tap]!, data[(row * width + firsts[x]! + tap) * channels + channel] ?? 0)) | 0
          out[(row * result + x) * channels + channel] = Math.max(0, Math.min(255, sum >> 22))
        }
      }
    }
    return out
  }
  fc.assert(
    fc.property(cases, ({ width, height, to, channels, kernel, seed }) => {
      // A side that stays the same is not filtered.
      if (kernel === 'nearest' || to.width === width) return
      const image = imageOf(width, height, channels, seed)
      const size = { width: to.width, height }
      const made = resample(whole(image), size, { left: 0, top: 0, ...size }, kernel)
      assert.equal(Buffer.compare(made.data, across(image, to.width, kernel)), 0)
      // Down the columns is across the rows of the image turned over its diagonal.
      const turned = (from: Image): Image => {
        const data = new Uint8Array(from.data.length)
        for (let y = 0; y < from.height; y++)
          for (let x = 0; x < from.width; x++)
            for (let c = 0; c < channels; c++) data[(x * from.height + y) * channels + c] = from.data[(y * from.width + x) * channels + c]!
        return { data, width: from.height, height: from.width, channels }
      }
      const tall = turned(image)
      const down = { width: tall.width, height: to.width }
      assert.equal(Buffer.compare(resample(whole(tall), down, { left: 0, top: 0, ...down }, kernel).data, turned(made).data), 0)
    }),
    { numRuns: 150 },
  )
})

test('nearest picks the pixel below the middle of each pixel of the result, and never one beyond the edge', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 5000 }), (source, result) => {
      const picked = nearestOf({ source, result }, { first: 0, count: result })
      for (const [index, pixel] of picked.entries()) {
        assert.ok(pixel >= 0 && pixel < source)
        const place = ((index + 0.5) * source) / result
        // A place on the edge between two pixels is either: it is a sum in float64.
        assert.ok(pixel === Math.floor(place) || Math.abs(place - Math.round(place)) < 1e-6, `${index}: ${pixel} at ${place}`)
      }
    }),
    { numRuns: 200 },
  )
})

test('an image larger than the memory between the passes is made in bands, with the bits of one in a piece', () => {
  const image = imageOf(60, 40_000, 3, 3)
  const size = { width: 90, height: 39_990 }
  const made = resample(whole(image), size, { left: 0, top: 0, ...size }, 'cubic')
  for (const left of [0, 40, 89]) {
    const window = { left, top: 0, width: 1, height: size.height }
    assert.equal(Buffer.compare(resample(whole(image), size, window, 'cubic').data, referenceCrop(made, left, 0, window).data), 0)
  }
})

test('grey is what ITU-R 601-2 weighs the colours to, in integers', () => {
  const image = imageOf(300, 400, 3, 0)
  const grey = toGrey(image)
  assert.deepEqual([grey.width, grey.height, grey.channels], [300, 400, 1])
  for (let at = 0; at < grey.data.length; at++) {
    const [r, g, b] = image.data.subarray(at * 3, at * 3 + 3)
    assert.equal(grey.data[at], (r! * 19_595 + g! * 38_470 + b! * 7471 + 32_768) >> 16)
  }
})
