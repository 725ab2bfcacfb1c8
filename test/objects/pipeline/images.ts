import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'
import type { Tensor } from '../../../src/core/tensor.ts'
import { runPipeline } from '../../../src/objects/pipeline/engine.ts'
import type { Op } from '../../../src/objects/pipeline/spec.ts'

export const live = new AbortController().signal
export const key = { seed: 7, epoch: 3 }
export const nhwc: Op = { op: 'layout', order: 'NHWC' }

export const one = (ops: readonly Op[], bytes: Uint8Array, id = 'sample'): Promise<Tensor> =>
  runPipeline({ ops }, [{ id, bytes }], key, { signal: live })

export interface Raw {
  readonly data: Buffer
  readonly info: { readonly width: number; readonly height: number; readonly channels: 1 | 2 | 3 | 4 }
}
export const rawOf = (image: Sharp): Promise<Raw> => image.raw().toBuffer({ resolveWithObject: true })
export const fromRaw = ({ data, info: { width, height, channels } }: Raw): Sharp => sharp(data, { raw: { width, height, channels } })

/** A picture in which no two places look alike. */
export const pattern = (width: number, height: number): Sharp =>
  sharp(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919 + (i >> 5) * 31) % 251),
    { raw: { width, height, channels: 3 } },
  )
export const plain = (colour: string | { r: number; g: number; b: number; alpha: number }, side = 4): Sharp =>
  sharp({ create: { width: side, height: side, channels: 4, background: colour } })

/** A chunk of a PNG, with its length and checksum. */
export const pngChunk = (type: string, data: Buffer): Buffer => {
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(Buffer.concat([Buffer.from(type), data])))
  return Buffer.concat([length, Buffer.from(type), data, sum])
}

/** A PNG whose header claims a size that its few bytes of data do not have. */
export const claimingPng = (width: number, height: number): Buffer => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(1000))),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}
