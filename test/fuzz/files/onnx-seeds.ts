import fc from 'fast-check'
import { Tensor } from '../../../src/core/tensor.ts'
import { GraphBuilder } from '../../../src/graph/builder.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { mlp } from '../../../examples/training/models/mlp.ts'
import { sequenceClassifier } from '../../../examples/training/models/recurrent.ts'
import { transformer } from '../../../examples/training/models/transformer.ts'
import { arbitrary } from '../../training/gradcheck/case.ts'
import { kinds } from '../../training/gradcheck/cases.ts'
import { modelWithExternal } from '../../objects/model-files.ts'
import { bytesField, intField, messageField, type OnnxField, parsed, textField, written } from './onnx-fields.ts'

const SEED = 11

/** A classifier of an open batch, whose shapes are computed by nodes, as exporters write them. */
const reshaping = () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 2, 3])
  const sides = b.op('Concat', [b.op('Gather', [b.op('Shape', [x]), b.ints(0)]), b.ints(-1)], { axis: 0 })
  const flat = b.op('Reshape', [x, sides])
  const w = b.initializer('w', new Tensor('float32', new Float32Array(24).fill(0.25), [6, 4]))
  b.output(b.op('Softmax', [b.op('MatMul', [flat, w])], { axis: -1 }), 'y')
  return Buffer.from(writeGraph({ graph: b.build(), metadata: new Map([['made', 'here']]) }))
}

const value = (id: number, name: string, type: bigint, sides: readonly (bigint | string)[]): OnnxField =>
  messageField(id, 'value', [
    textField(1, name),
    messageField(2, 'type', [
      messageField(1, 'tensorType', [
        intField(1, type),
        messageField(2, 'shape', sides.map((side) => messageField(1, 'side', [typeof side === 'bigint' ? intField(1, side) : textField(2, side)]))),
      ]),
    ]),
  ]) // prettier-ignore
const node = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: readonly OnnxField[] = []) =>
  messageField(1, 'node', [
    ...inputs.map((name) => textField(1, name)),
    ...outputs.map((name) => textField(2, name)),
    textField(4, op),
    ...attributes,
  ])
const model = (graph: readonly OnnxField[], opset = 17n) =>
  written([
    intField(1, 8n),
    messageField(7, 'graph', [textField(2, 'g'), ...graph]),
    messageField(8, 'entry', [textField(1, ''), intField(2, opset)]),
  ])

/** If and Loop, whose branches are graphs of their own. */
const branches = () => {
  const branch = (op: string) => [node(op, ['x'], [`${op}_out`]), textField(2, op), value(12, `${op}_out`, 1n, [2n])]
  const attribute = (name: string, op: string) => messageField(5, 'attribute', [textField(1, name), messageField(6, 'graph', branch(op)), intField(20, 5n)])
  return model([node('If', ['c'], ['y'], [attribute('then_branch', 'Relu'), attribute('else_branch', 'Neg')]), value(11, 'x', 1n, [2n]), value(11, 'c', 9n, []), value(12, 'y', 1n, [2n])])
} // prettier-ignore
const loop = () => {
  const body = [
    node('Identity', ['go'], ['go_out']),
    node('Add', ['a', 'a'], ['a_out']),
    textField(2, 'body'),
    value(11, 'i', 7n, []), value(11, 'go', 9n, []), value(11, 'a', 1n, [2n]),
    value(12, 'go_out', 9n, []), value(12, 'a_out', 1n, [2n]),
  ] // prettier-ignore
  return model([node('Loop', ['n', '', 'x'], ['y'], [messageField(5, 'attribute', [textField(1, 'body'), messageField(6, 'graph', body), intField(20, 5n)])]), value(11, 'n', 7n, []), value(11, 'x', 1n, [2n]), value(12, 'y', 1n, [2n])])
} // prettier-ignore

/** Small models: one of each operator that is known here, networks, and forms that exporters write. */
export const onnxSeeds = (): readonly Buffer[] => {
  const cases = Object.values(kinds).flatMap((kind) => fc.sample(arbitrary(kind), { seed: SEED, numRuns: 1 }))
  const graphs = [
    ...cases.map(({ graph }) => graph),
    mlp({ features: 4, hidden: [5], outputs: 3, dropout: 0.2 }),
    sequenceClassifier({ cell: 'LSTM', classes: 2, features: 3, hidden: 4, layers: 1, bidirectional: true }),
    transformer({ vocabulary: 10, classes: 2, steps: 4, width: 4, heads: 2, dropout: 0 }),
  ]
  const files = [...graphs.map((graph) => Buffer.from(writeGraph({ graph }))), reshaping(), branches(), loop()]
  const old = parsed(reshaping())
  for (const field of old) if (field.id === 8) field.inner = [textField(1, ''), intField(2, 9n)]
  const zipMap = model([
    node('Identity', ['x'], ['p']),
    messageField(1, 'node', [textField(1, 'p'), textField(2, 'y'), textField(4, 'ZipMap'), textField(7, 'ai.onnx.ml'), messageField(5, 'attribute', [textField(1, 'classlabels_int64s'), bytesField(8, Buffer.from([0, 1, 2])), intField(20, 7n)])]),
    value(11, 'x', 1n, ['N', 3n]),
    messageField(12, 'value', [textField(1, 'y')]),
  ]) // prettier-ignore
  return [...files, written(old), modelWithExternal('w.bin'), zipMap]
}
