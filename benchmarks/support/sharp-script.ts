// Run as a process: the plain script that somebody would write who has the photographs and sharp.
import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { answer, numberIn } from './lines.ts'
import { fileOf, RESIZED, SIDE } from './photos.ts'

sharp.concurrency(1)
sharp.cache(false)

const MAX_PIXELS = 100_000_000
const edge = Math.floor((RESIZED - SIDE) / 2)

const pixelsOf = async (id: string) =>
  sharp(await readFile(fileOf(id)), { failOn: 'truncated', limitInputPixels: MAX_PIXELS, sequentialRead: true })
    .rotate()
    .resize({ width: RESIZED, height: RESIZED, fit: 'cover', kernel: 'lanczos3', background: { r: 0, g: 0, b: 0 } })
    .extract({ left: edge, top: edge, width: SIDE, height: SIDE })
    .toColourspace('srgb')
    .removeAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })

/** Decoding alone, at the full size: what an exact resize needs before it begins. */
const wholeOf = async (id: string) =>
  sharp(await readFile(fileOf(id)), { failOn: 'truncated', limitInputPixels: MAX_PIXELS, sequentialRead: true })
    .rotate()
    .toColourspace('srgb')
    .removeAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })

await answer({
  run: async (asked) => {
    const files = String(asked['files']).split('\n')
    const all = Array.from({ length: numberIn(asked, 'times') }, () => files).flat()
    const work = asked['whole'] === 1 ? wholeOf : pixelsOf
    const began = performance.now()
    let next = 0
    const runner = async () => {
      for (let id = all[next++]; id !== undefined; id = all[next++]) await work(id)
    }
    await Promise.all(Array.from({ length: numberIn(asked, 'concurrency') }, runner))
    return { ms: performance.now() - began }
  },
})
