import { failure } from '../../core/errors.ts'
import { Tensor } from '../../core/tensor.ts'
import { attributeOf } from '../attributes.ts'
import type { GraphBuilder } from '../builder.ts'
import type { Attribute, Attributes, Node } from '../graph.ts'

const without = (attributes: Attributes, ...names: readonly string[]): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)))

const ints = (node: Node, name: string): readonly number[] | undefined => attributeOf(node, name, 'ints')
const int = (value: number): Attribute => ({ type: 'int', value })

/** A number of the dtype of a node's first input, as a constant of the graph. */
const numberLike = (node: Node, value: number, builder: GraphBuilder): string => {
  const { dtype } = builder.value(node.inputs[0] ?? '')
  const constant = (tensor: Tensor): string => builder.constant(tensor).name
  switch (dtype) {
    case 'float32':
      return constant(new Tensor(dtype, Float32Array.of(value), []))
    case 'float64':
      return constant(new Tensor(dtype, Float64Array.of(value), []))
    case 'int64':
      return constant(new Tensor(dtype, BigInt64Array.of(BigInt(value)), []))
    default:
      throw failure(
        'unsupported',
        `node ${node.name} (${node.op}): an older form of it with ${dtype} is not rewritten: export the model with opset 20`,
      )
  }
}

/** Whole numbers of an attribute as an input; an end that is "as far as it goes" stays that. */
const intsInput = (values: readonly number[], builder: GraphBuilder): string => {
  const most = 2n ** 63n - 1n
  const exact = BigInt64Array.from(values, (value) => (BigInt(value) > most ? most : BigInt(value)))
  return builder.constant(new Tensor('int64', exact, [values.length])).name
}

const moved = (node: Node, builder: GraphBuilder, ...names: readonly string[]): Node => {
  const values = names.map((name) => ints(node, name))
  const inputs = values.map((value) => (value === undefined ? '' : intsInput(value, builder)))
  while (inputs.at(-1) === '') inputs.pop()
  return { ...node, inputs: [...node.inputs.slice(0, 1), ...inputs], attributes: without(node.attributes, ...names) }
}

const clip = (node: Node, builder: GraphBuilder): Node => {
  const [low, high] = [attributeOf(node, 'min', 'float'), attributeOf(node, 'max', 'float')]
  const bounds = [low, high].map((bound) => (bound === undefined ? '' : numberLike(node, bound, builder)))
  return { ...node, inputs: [...node.inputs.slice(0, 1), ...bounds], attributes: {} }
}

const pad = (node: Node, builder: GraphBuilder): Node => {
  const value = attributeOf(node, 'value', 'float') ?? 0
  const inputs = [...node.inputs.slice(0, 1), intsInput(ints(node, 'pads') ?? [], builder), numberLike(node, value, builder)]
  return { ...node, inputs, attributes: without(node.attributes, 'pads', 'value') }
}

const dropout = (node: Node, builder: GraphBuilder): Node => {
  const ratio = builder.scalar(attributeOf(node, 'ratio', 'float') ?? 0.5)
  return { ...node, inputs: [...node.inputs.slice(0, 1), ratio.name], outputs: node.outputs.slice(0, 1), attributes: {} }
}

const resize = (node: Node, opset: number, builder: GraphBuilder): Node => {
  const [x = '', stated] = node.inputs
  const floats = attributeOf(node, 'scales', 'floats')
  const scales =
    opset < 9 ? builder.constant(new Tensor('float32', Float32Array.from(floats ?? []), [floats?.length ?? 0])).name : (stated ?? '')
  const mode = attributeOf(node, 'mode', 'string') ?? 'nearest'
  const attributes: Attributes = {
    mode: { type: 'string', value: mode === 'bilinear' ? 'linear' : mode },
    coordinate_transformation_mode: { type: 'string', value: 'asymmetric' },
    ...(mode === 'nearest' && { nearest_mode: { type: 'string', value: 'floor' } }),
  }
  return { ...node, op: 'Resize', inputs: [x, '', scales], attributes }
}

const batchNormalization = (node: Node): Node => {
  if (node.outputs.slice(1).some((name) => name !== ''))
    throw failure(
      'unsupported',
      `node ${node.name} (BatchNormalization): it is in training mode in a form of before opset 14: export the model in evaluation mode`,
    )
  return { ...node, outputs: node.outputs.slice(0, 1), attributes: without(node.attributes, 'spatial') }
}

/** The node with what older opsets said by attributes said by inputs, as opset 20 has it. */
export const attributesToInputs = (node: Node, opset: number, builder: GraphBuilder): Node => {
  const { op } = node
  if ((op === 'Squeeze' || op === 'Unsqueeze' || op === 'ReduceSum') && opset < 13) return moved(node, builder, 'axes')
  if (op.startsWith('Reduce') && op !== 'ReduceSum' && opset < 18) return moved(node, builder, 'axes')
  if (op === 'Split' && opset < 18) {
    const split = opset < 13 ? moved(node, builder, 'split') : node
    return (split.inputs[1] ?? '') === '' ? { ...split, attributes: { ...split.attributes, num_outputs: int(node.outputs.length) } } : split
  }
  if (op === 'Slice' && opset < 10) return moved(node, builder, 'starts', 'ends', 'axes')
  if (op === 'TopK' && opset < 10) {
    const k = intsInput([attributeOf(node, 'k', 'int') ?? 1], builder)
    return { ...node, inputs: [...node.inputs, k], attributes: without(node.attributes, 'k') }
  }
  if (op === 'Clip' && opset < 11) return clip(node, builder)
  if (op === 'Pad' && opset < 11) return pad(node, builder)
  if (op === 'Dropout' && opset < 12) return dropout(node, builder)
  if ((op === 'Resize' && opset < 11) || op === 'Upsample') return resize(node, opset, builder)
  if (op === 'Scatter') return { ...node, op: 'ScatterElements' }
  if (op === 'BatchNormalization' && opset < 14) return batchNormalization(node)
  return node
}
