import fc from 'fast-check'
import { Tensor } from '../../../src/core/tensor.ts'
import type { DType } from '../../../src/core/dtype.ts'
import type { Plain } from '../../../src/graph/attributes.ts'
import { GraphBuilder } from '../../../src/graph/builder.ts'
import type { Dim } from '../../../src/graph/graph.ts'
import { writeGraph } from '../../../src/graph/write.ts'
import { mlp } from '../../../examples/training/models/mlp.ts'
import { sequenceClassifier } from '../../../examples/training/models/recurrent.ts'
import { transformer } from '../../../examples/training/models/transformer.ts'
import { arbitrary } from '../../training/gradcheck/case.ts'
import { kinds } from '../../training/gradcheck/cases.ts'

/** A model that is right, and answers or refuses whatever is fed to it. */
export interface SoundModel {
  readonly name: string
  readonly file: Buffer
}

type In = readonly [dtype: DType, shape: readonly Dim[]] | Tensor
const one = (op: string, inputs: readonly In[], attributes: Readonly<Record<string, Plain>> = {}, outputs = 1): SoundModel => {
  const b = new GraphBuilder({ name: op })
  const values = inputs.map((input, index) => (input instanceof Tensor ? b.constant(input) : b.input(`x${index}`, ...input)))
  for (const output of b.ops(op, values, attributes, { outputs })) b.output(output)
  const dtypes = inputs.map((input) => (input instanceof Tensor ? 'constant' : input[0]))
  return { name: `${op} of ${dtypes.join(', ')}`, file: Buffer.from(writeGraph({ graph: b.build() })) }
}
const n = ['N'] as const
const int64 = (...values: readonly number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])

/** Operators that take numbers apart, look up by them, or make shapes of them, in each dtype that they take. */
const wholes: readonly DType[] = ['int64', 'int32', 'uint64', 'uint32', 'int8', 'uint8', 'int16', 'uint16']
const operators: readonly (() => SoundModel)[] = [
  ...wholes.flatMap((dtype) => [() => one('Div', [[dtype, n], [dtype, n]]), () => one('Mod', [[dtype, n], [dtype, n]])]),
  () => one('Mod', [['float32', n], ['float32', n]], { fmod: 1 }),
  () => one('Pow', [['int64', n], ['int64', n]]),
  () => one('Pow', [['int32', n], ['float32', n]]),
  () => one('Gather', [['float32', [5, 3]], ['int64', n]], { axis: 0 }),
  () => one('Gather', [['float32', ['M', 3]], ['int32', n]], { axis: 0 }),
  () => one('GatherElements', [['float32', [4, 3]], ['int64', ['N', 3]]], { axis: 0 }),
  () => one('GatherND', [['float32', [4, 3]], ['int64', ['N', 2]]]),
  () => one('ScatterElements', [['float32', [4, 3]], ['int64', [2, 3]], ['float32', [2, 3]]], { axis: 0 }),
  () => one('ScatterND', [['float32', [4, 3]], ['int64', ['N', 1]], ['float32', ['N', 3]]]),
  () => one('OneHot', [['int64', n], new Tensor('int64', BigInt64Array.from([4n]), []), ['float32', [2]]], { axis: -1 }),
  () => one('OneHot', [['int64', n], ['int64', []], ['float32', [2]]], { axis: -1 }),
  () => one('TopK', [['float32', ['N', 4]], ['int64', [1]]], { axis: 1 }, 2),
  () => one('Range', [['int64', []], ['int64', []], ['int64', []]]),
  () => one('Range', [['float32', []], ['float32', []], ['float32', []]]),
  () => one('Reshape', [['float32', ['N', 6]], ['int64', [2]]]),
  () => one('Expand', [['float32', [1]], ['int64', [2]]]),
  () => one('Tile', [['float32', ['N', 2]], ['int64', [2]]]),
  () => one('Pad', [['float32', ['N', 2]], ['int64', [4]]]),
  () => one('Slice', [['float32', ['N', 4]], ['int64', [1]], ['int64', [1]], int64(0), ['int64', [1]]]),
  () => one('ConstantOfShape', [['int64', [2]]]),
  () => one('Split', [['float32', [6, 2]], ['int64', [2]]], { axis: 0 }, 2),
  () => one('Unsqueeze', [['float32', ['N', 2]], ['int64', [1]]]),
  () => one('ReduceSum', [['float32', ['N', 2, 3]], ['int64', [1]]]),
  () => one('ReduceMax', [['float32', ['N', 'M']], int64(1)]),
  () => one('ArgMax', [['float32', ['N', 'M']]], { axis: 1 }),
  () => one('CumSum', [['float32', ['N', 3]], ['int64', []]]),
  () => one('Trilu', [['float32', [3, 3]], ['int64', []]]),
  () => one('Softmax', [['float32', ['N', 'M']]], { axis: -1 }),
  () => one('MatMul', [['float32', ['N', 'K']], ['float32', ['K', 'M']]]),
  () => one('Conv', [['float32', ['N', 1, 'H', 'W']], new Tensor('float32', new Float32Array(9).fill(1), [1, 1, 3, 3])]),
  () => one('MaxPool', [['float32', ['N', 1, 'H', 'W']]], { kernel_shape: [2, 2] }),
  () => one('NonZero', [['float32', ['N', 2]]]),
  () => one('Where', [['bool', n], ['float32', n], ['float32', n]]),
  () => one('Cast', [['float32', n]], { to: 7 }),
  () => one('Cast', [['float32', n]], { to: 2 }),
  () => one('Cast', [['string', n]], { to: 1 }),
  () => one('Cast', [['string', n]], { to: 7 }),
  () => one('Resize', [['float32', [1, 1, 2, 2]], new Tensor('float32', new Float32Array(), [0]), ['float32', [4]]], { mode: 'linear' }),
  () => one('Resize', [['float32', [1, 1, 2, 2]], new Tensor('float32', new Float32Array(), [0]), new Tensor('float32', new Float32Array(), [0]), ['int64', [4]]]),
  () => one('EyeLike', [['float32', ['N', 'M']]], { k: 1 }),
  () => one('DepthToSpace', [['float32', ['N', 4, 'H', 'W']]], { blocksize: 2 }),
  () => one('Compress', [['float32', n], ['bool', ['M']]]),
  () => one('ReverseSequence', [['float32', ['T', 'N']], ['int64', n]]),
  () => one('BitShift', [['uint64', n], ['uint64', n]], { direction: 'LEFT' }),
] // prettier-ignore

/** Those that this build of graphs does not know are left out. */
const known = (make: () => SoundModel): readonly SoundModel[] => {
  try {
    return [make()]
  } catch {
    return []
  }
}

const SEED = 12

export const soundModels = (): readonly SoundModel[] => [
  ...operators.flatMap(known),
  ...Object.entries(kinds).flatMap(([name, kind]) =>
    fc.sample(arbitrary(kind), { seed: SEED, numRuns: 1 }).map(({ graph }) => ({ name, file: Buffer.from(writeGraph({ graph })) })),
  ),
  ...[
    mlp({ features: 4, hidden: [5], outputs: 3, dropout: 0.2 }),
    sequenceClassifier({ cell: 'LSTM', classes: 2, features: 3, hidden: 4, layers: 1, bidirectional: true }),
    transformer({ vocabulary: 10, classes: 2, steps: 4, width: 4, heads: 2, dropout: 0 }),
  ].map((graph) => ({ name: graph.name, file: Buffer.from(writeGraph({ graph })) })),
]
