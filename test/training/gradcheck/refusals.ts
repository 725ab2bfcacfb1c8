import type { GraphBuilder, Value } from '../../../src/graph/builder.ts'
import type { Plain } from '../../../src/graph/attributes.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { int64 } from './case.ts'

/** A form of an operator with a rule that has no gradient, or whose kernels are not to be trusted with it. */
export interface Refusal {
  readonly op: string
  /** As docs/training.md says it. */
  readonly what: string
  /** Adds the node, called "odd", and gives what the loss is made of. Whatever is an input is differentiated. */
  readonly add: (b: GraphBuilder) => Value
}

type Given = (b: GraphBuilder) => readonly (Value | undefined)[]
const float = (b: GraphBuilder, ...shape: readonly number[]): Value => b.input(b.fresh('x'), 'float32', shape)
const refusal = (op: string, what: string, given: Given, attributes: Readonly<Record<string, Plain>> = {}, output = 0): Refusal => ({
  op,
  what,
  add: (b) => {
    const outputs = b.ops(op, given(b), attributes, { name: 'odd', outputs: output + 1 })
    return outputs[output] ?? b.value(`there is no output ${output}`)
  },
})

const recurrent = (op: 'LSTM' | 'GRU', gates: number): Refusal[] => {
  const given: Given = (b) => [float(b, 3, 2, 4), float(b, 1, gates * 5, 4), float(b, 1, gates * 5, 5)]
  return [
    refusal(op, 'other activations than its own', given, { hidden_size: 5, activations: ['Relu', 'Tanh', 'Tanh'].slice(0, gates - 1) }),
    refusal(op, 'clip', given, { hidden_size: 5, clip: 1 }),
    refusal(op, 'layout 1', (b) => [float(b, 2, 3, 4), float(b, 1, gates * 5, 4), float(b, 1, gates * 5, 5)], {
      hidden_size: 5,
      layout: 1,
    }),
    ...(op === 'LSTM' ? [refusal(op, 'input_forget', given, { hidden_size: 5, input_forget: 1 })] : []),
  ]
}

const SAME = 'auto_pad SAME with dilations, or with windows farther apart than they are long'
const same = (op: 'Conv' | 'MaxPool' | 'AveragePool'): Refusal[] => {
  const given: Given = (b) => [float(b, 1, 1, 8), ...(op === 'Conv' ? [float(b, 1, 1, 2)] : [])]
  const kernel = { kernel_shape: [2], auto_pad: 'SAME_UPPER' }
  return [refusal(op, SAME, given, { ...kernel, strides: [4] }), refusal(op, SAME, given, { ...kernel, dilations: [2] })]
}
const ceil = (op: 'MaxPool' | 'AveragePool'): Refusal =>
  refusal(op, 'ceil_mode that adds a window in the padding alone', (b) => [float(b, 1, 1, 5)], { kernel_shape: [3], strides: [3], pads: [1, 2], ceil_mode: 1 }) // prettier-ignore

const WHILE = 'computed while the graph runs'
const later = (b: GraphBuilder, count: number): Value => b.input(b.fresh('later'), 'int64', [count])
const EXTREMES = 'reduction mul, max or min'
const at = (b: GraphBuilder, ...shape: readonly number[]): Value => b.constant(int64(new Array<number>(shape.reduce((n, side) => n * side, 1)).fill(0), shape)) // prettier-ignore

export const refusals: readonly Refusal[] = [
  ...recurrent('LSTM', 4),
  ...recurrent('GRU', 3),
  ...same('Conv'),
  ...same('MaxPool'),
  ...same('AveragePool'),
  refusal('ConvTranspose', 'auto_pad SAME with output_padding, or with windows shorter than their stride', (b) => [float(b, 1, 1, 3), float(b, 1, 1, 2)], { auto_pad: 'SAME_LOWER', strides: [3] }), // prettier-ignore
  refusal('ConvTranspose', 'auto_pad SAME with output_padding, or with windows shorter than their stride', (b) => [float(b, 1, 1, 3), float(b, 1, 1, 2)], { auto_pad: 'SAME_LOWER', strides: [2], output_padding: [1] }), // prettier-ignore
  refusal('ConvTranspose', 'an output_shape below the sides of its input', (b) => [float(b, 1, 1, 3), float(b, 1, 1, 2)], {
    output_shape: [2],
  }),
  ceil('MaxPool'),
  ceil('AveragePool'),
  refusal('Slice', `starts, ends, axes or steps ${WHILE}`, (b) => [float(b, 4), later(b, 1), b.ints(4), b.ints(0)]),
  refusal('Pad', `pads ${WHILE}`, (b) => [float(b, 4), later(b, 2)]),
  refusal('Tile', `repeats ${WHILE}`, (b) => [float(b, 4), later(b, 1)]),
  refusal('ReduceSum', `axes ${WHILE}`, (b) => [float(b, 4), later(b, 1)]),
  refusal('Pad', 'pads below zero in another mode than constant', (b) => [float(b, 4), b.ints(-1, 0)], { mode: 'edge' }),
  refusal('ReduceProd', 'products of more than 256 factors', (b) => [float(b, 257)]),
  refusal('Einsum', 'diagonals', (b) => [float(b, 3, 3)], { equation: 'ii->i' }),
  ...['mul', 'max', 'min'].flatMap((reduction) => [
    refusal('ScatterElements', EXTREMES, (b) => [float(b, 4), at(b, 2), float(b, 2)], { reduction }),
    refusal('ScatterND', EXTREMES, (b) => [float(b, 4), at(b, 2, 1), float(b, 2)], { reduction }),
  ]),
  refusal('Dropout', 'training_mode, before `trainingMode()` has put a seeded mask in its place', (b) => [float(b, 4), b.scalar(0.5), b.constant(new Tensor('bool', Uint8Array.of(1), []))]), // prettier-ignore
  refusal('LayerNormalization', 'gradients through Mean and InvStdDev', (b) => [float(b, 2, 4), float(b, 4)], {}, 1),
  refusal('LayerNormalization', 'gradients through Mean and InvStdDev', (b) => [float(b, 2, 4), float(b, 4)], {}, 2),
  refusal('BatchNormalization', 'gradients through the running statistics', (b) => [float(b, 3, 2), float(b, 2), float(b, 2), float(b, 2), float(b, 2)], { training_mode: 1 }, 1), // prettier-ignore
]
