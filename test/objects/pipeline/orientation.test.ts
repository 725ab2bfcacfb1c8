import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import sharp from 'sharp'
import { bytesOf } from '../../../src/core/tensor.ts'
import { otherOrientation } from '../../../src/objects/pipeline/orientation.ts'
import { fromRaw, nhwc, one, pattern, pngChunk, rawOf } from './images.ts'

/** EXIF data of one entry, the orientation. */
const exif = (orientation: number, big = false): Buffer => {
  const bytes = Buffer.alloc(26)
  bytes.write(big ? 'MM\0*' : 'II*\0', 0, 'latin1')
  const short = (value: number, at: number) => (big ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at))
  const long = (value: number, at: number) => (big ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at))
  long(8, 4)
  short(1, 8)
  short(0x112, 10)
  short(3, 12)
  long(1, 14)
  short(orientation, 18)
  return bytes
}
const prefixed = (orientation: number) => Buffer.concat([Buffer.from('Exif\0\0'), exif(orientation)])
const xmp = (orientation: number) =>
  Buffer.from(`<x:xmpmeta><rdf:Description tiff:Orientation="${orientation}" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></x:xmpmeta>`)
const profile = (orientation: number) =>
  Buffer.from(
    `\nexif\n      32\n${prefixed(orientation)
      .toString('hex')
      .match(/.{1,72}/g)!
      .join('\n')}\n`,
  )

/** A chunk put behind the header, or before the end. */
const withChunk = (png: Buffer, chunk: Buffer, last = false): Buffer => {
  const at = last ? png.length - 12 : 33
  return Buffer.concat([png.subarray(0, at), chunk, png.subarray(at)])
}
const segment = (data: Buffer): Buffer => {
  const head = Buffer.from([0xff, 0xe1, 0, 0])
  head.writeUInt16BE(data.length + 2, 2)
  return Buffer.concat([head, data])
}
const withSegment = (jpeg: Buffer, data: Buffer): Buffer => Buffer.concat([jpeg.subarray(0, 2), segment(data), jpeg.subarray(2)])
const xmpSegment = (orientation: number) => Buffer.concat([Buffer.from('http://ns.adobe.com/xap/1.0/\0'), xmp(orientation)])
const itxt = (data: Buffer, compressed = 0) =>
  pngChunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0'), Buffer.from([compressed, 0, 0, 0]), data]))

const pixelsOf = async (bytes: Buffer) => {
  const { shape, data } = await one([{ op: 'decode' }, nhwc], bytes)
  return { shape, data: Buffer.from(data as Uint8Array) }
}

test('a picture is turned upright wherever its orientation stands: EXIF behind the image, in a text, or XMP', async () => {
  const start = await rawOf(pattern(20, 12))
  const png = await fromRaw(start).png().toBuffer()
  const jpeg = await fromRaw(start).jpeg().toBuffer()
  for (let orientation = 2; orientation <= 8; orientation++) {
    // The decoder turns an image by the EXIF data that it looks at.
    const wanted = await rawOf(sharp(withChunk(png, pngChunk('eXIf', exif(orientation)))).autoOrient())
    const [raw, name] = [profile(orientation), Buffer.from('Raw profile type exif\0')]
    const files = {
      behind: withChunk(png, pngChunk('eXIf', exif(orientation, true)), true),
      prefixed: withChunk(png, pngChunk('eXIf', prefixed(orientation))),
      text: withChunk(png, pngChunk('tEXt', Buffer.concat([name, raw]))),
      packed: withChunk(png, pngChunk('zTXt', Buffer.concat([name, Buffer.alloc(1), deflateSync(raw)]))),
      xmp: withChunk(png, itxt(xmp(orientation))),
      'packed xmp': withChunk(png, itxt(deflateSync(xmp(orientation)), 1)),
    }
    for (const [place, file] of Object.entries(files)) {
      const { shape, data } = await pixelsOf(file)
      assert.deepEqual(shape, [1, wanted.info.height, wanted.info.width, 3], `${place} ${orientation}`)
      assert.ok(data.equals(wanted.data), `${place} ${orientation}`)
    }
    const right = await pixelsOf(withSegment(jpeg, prefixed(orientation)))
    assert.deepEqual(await pixelsOf(withSegment(jpeg, xmpSegment(orientation))), right, `JPEG ${orientation}`)
  }
  const webp = await fromRaw(start).webp({ lossless: true }).withXmp(xmp(6).toString()).toBuffer()
  assert.deepEqual((await pixelsOf(webp)).shape, [1, 20, 12, 3])
})

test('EXIF counts before XMP, and a crop or a resize sees the upright picture', async () => {
  const start = await rawOf(pattern(20, 12))
  const png = await fromRaw(start).png().toBuffer()
  const both = withChunk(withChunk(png, itxt(xmp(6))), pngChunk('eXIf', exif(1)))
  assert.deepEqual((await pixelsOf(both)).shape, [1, 12, 20, 3])
  const [late, early] = [withChunk(png, itxt(xmp(6))), withChunk(png, pngChunk('eXIf', exif(6)))]
  for (const ops of [
    [{ op: 'center-crop', width: 9, height: 17 }],
    [{ op: 'resize', width: 7, height: 9 }],
    [{ op: 'flip', probability: 1 }],
  ] as const)
    assert.deepEqual(
      bytesOf(await one([{ op: 'decode' }, ...ops, nhwc], late)),
      bytesOf(await one([{ op: 'decode' }, ...ops, nhwc], early)),
    )
})

test('a PNG whose chunks do not fit their checksums is refused by name', async () => {
  const png = await pattern(20, 12).png().toBuffer()
  const text = withChunk(png, pngChunk('tEXt', Buffer.from('a\0b')))
  for (const [file, at] of [
    [png, 29],
    [text, 33 + 11],
    // Of the image data, behind which IEND stands.
    [png, png.length - 13],
  ] as const) {
    const bytes = Buffer.from(file)
    bytes[at]! ^= 0xff
    await assert.rejects(one([{ op: 'decode' }], bytes, 'odd.png'), { code: 'bad-sample', message: /"odd\.png".*checksum/ })
  }
  assert.deepEqual((await pixelsOf(text)).shape, [1, 12, 20, 3])
})

test('whatever the bytes are, looking for an orientation ends', () => {
  const heads = [[0xff, 0xd8], [...Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')], [...Buffer.from('RIFF0000WEBP')]]
  fc.assert(
    fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 200 }), (head, rest) => {
      otherOrientation(Uint8Array.from([...head, ...rest]))
    }),
  )
})
