import { Tensor } from '../../core/tensor.ts'
import { attributeOf } from '../attributes.ts'
import type { GraphBuilder } from '../builder.ts'
import type { Node } from '../graph.ts'

/** Before opset 13 a Softmax took all axes from its own on as one, and its axis was 1 unless stated. */
const flatSoftmax = (node: Node, builder: GraphBuilder): void => {
  const x = builder.value(node.inputs[0] ?? '')
  const given = attributeOf(node, 'axis', 'int') ?? 1
  const axis = given < 0 ? given + x.shape.length : given
  if (axis === x.shape.length - 1) {
    builder.node({ ...node, attributes: { axis: { type: 'int', value: axis } } })
    return
  }
  const shape = builder.op('Shape', [x])
  const flat = builder.op(node.op, [builder.op('Flatten', [x], { axis })], { axis: 1 })
  builder.op('Reshape', [flat, shape], {}, { name: node.name, outputs: node.outputs })
}

/** Since opset 21 scale and bias of GroupNormalization are of channels, where they were of groups. */
const groupNormalization = (node: Node, builder: GraphBuilder): void => {
  const [x, scale, bias] = node.inputs.map((name) => builder.value(name))
  const groups = attributeOf(node, 'num_groups', 'int') ?? 1
  if (x === undefined) return
  const [ones, zeros] = [1, 0].map((value) => builder.constant(new Tensor('float32', new Float32Array(groups).fill(value), [groups])))
  const shape = builder.op('Shape', [x])
  const grouped = builder.op('Reshape', [x, builder.ints(0, groups, -1)])
  const epsilon = attributeOf(node, 'epsilon', 'float') ?? 1e-5
  const normal = builder.op('Reshape', [builder.op('InstanceNormalization', [grouped, ones, zeros], { epsilon }), shape])
  const image = builder.ints(-1, ...Array.from({ length: x.shape.length - 2 }, () => 1))
  const scaled = builder.op('Mul', [normal, scale && builder.op('Reshape', [scale, image])])
  builder.op('Add', [scaled, bias && builder.op('Reshape', [bias, image])], {}, { name: node.name, outputs: node.outputs })
}

/** Adds several operators in the place of one that opset 20 does not have; false for one that it has. */
export const lowered = (node: Node, opset: number, builder: GraphBuilder): boolean => {
  if (opset < 13 && ['Softmax', 'LogSoftmax', 'Hardmax'].includes(node.op)) flatSoftmax(node, builder)
  else if (opset >= 21 && node.op === 'GroupNormalization') groupNormalization(node, builder)
  else return false
  return true
}
