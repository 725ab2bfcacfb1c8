import protobuf from 'protobufjs'
import type { DType } from '../../../src/core/dtype.ts'
import { bytesOf, type Tensor } from '../../../src/core/tensor.ts'
import type { Attribute, Graph, Node, ValueType } from '../../../src/graph/graph.ts'

/** A graph as an ONNX file, by the numbers of onnx.proto: its own few lines, so that the check stands on nothing that it checks. */

const codes: Readonly<Partial<Record<DType, number>>> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float64: 11 }
const codeOf = (dtype: DType): number => {
  const code = codes[dtype]
  if (code === undefined) throw new Error(`no graph here holds ${dtype}`)
  return code
}

/** A message, written field by field. */
class Message {
  readonly #writer = protobuf.Writer.create()
  int(id: number, value: number): this {
    this.#writer.uint32(id * 8).int64(value)
    return this
  }
  float(id: number, value: number): this {
    this.#writer.uint32(id * 8 + 5).float(value)
    return this
  }
  bytes(id: number, value: Uint8Array): this {
    this.#writer.uint32(id * 8 + 2).bytes(value)
    return this
  }
  text(id: number, value: string): this {
    this.#writer.uint32(id * 8 + 2).string(value)
    return this
  }
  message(id: number, value: Message): this {
    return this.bytes(id, value.finish())
  }
  finish(): Uint8Array {
    return this.#writer.finish()
  }
}

const tensorMessage = (tensor: Tensor, name = ''): Message => {
  const message = new Message()
  for (const side of tensor.shape) message.int(1, side)
  return message.int(2, codeOf(tensor.dtype)).text(8, name).bytes(9, bytesOf(tensor))
}

const attributeMessage = (name: string, attribute: Attribute): Message => {
  const message = new Message().text(1, name)
  switch (attribute.type) {
    case 'float':
      return message.float(2, attribute.value).int(20, 1)
    case 'int':
      return message.int(3, attribute.value).int(20, 2)
    case 'string':
      return message.text(4, attribute.value).int(20, 3)
    case 'tensor':
      return message.message(5, tensorMessage(attribute.value)).int(20, 4)
    case 'floats':
      for (const value of attribute.value) message.float(7, value)
      return message.int(20, 6)
    case 'ints':
      for (const value of attribute.value) message.int(8, value)
      return message.int(20, 7)
    case 'strings':
      for (const value of attribute.value) message.text(9, value)
      return message.int(20, 8)
    case 'graph':
      throw new Error('no graph here holds a graph')
  }
}

const nodeMessage = ({ op, name, inputs, outputs, attributes }: Node): Message => {
  const message = new Message()
  for (const input of inputs) message.text(1, input)
  for (const output of outputs) message.text(2, output)
  message.text(3, name).text(4, op)
  for (const [key, attribute] of Object.entries(attributes)) message.message(5, attributeMessage(key, attribute))
  return message
}

const valueMessage = (name: string, { dtype, shape }: ValueType): Message => {
  const sides = new Message()
  for (const side of shape) sides.message(1, typeof side === 'number' ? new Message().int(1, side) : new Message().text(2, side))
  return new Message().text(1, name).message(2, new Message().message(1, new Message().int(1, codeOf(dtype)).message(2, sides)))
}

const IR_VERSION = 9

export const onnxBytes = ({ name, opset, inputs, initializers, nodes, outputs }: Graph): Uint8Array => {
  const graph = new Message()
  for (const node of nodes) graph.message(1, nodeMessage(node))
  graph.text(2, name)
  for (const [key, tensor] of initializers) graph.message(5, tensorMessage(tensor, key))
  for (const [key, type] of inputs) graph.message(11, valueMessage(key, type))
  for (const [key, type] of outputs) graph.message(12, valueMessage(key, type))
  return new Message().int(1, IR_VERSION).message(7, graph).message(8, new Message().text(1, '').int(2, opset)).finish()
}
