// Models that end or occupy what runs them, made byte by byte: no exporter writes them.
import protobuf from 'protobufjs'

type Part = protobuf.Writer
const w = (): Part => protobuf.Writer.create()
const inside = (part: Part, field: number, content: Uint8Array) => part.uint32((field << 3) | 2).bytes(content)
const text = (part: Part, field: number, given: string) => part.uint32((field << 3) | 2).string(given)
const whole = (part: Part, field: number, given: number) => part.uint32(field << 3).int64(given)

const FLOAT = 1
const INT64 = 7
const BOOL = 9

const attribute = (name: string, type: number, field: number, content: Uint8Array) =>
  whole(inside(text(w(), 1, name), field, content), 20, type).finish()
const intsAttribute = (name: string, values: readonly number[]) => {
  const part = text(w(), 1, name)
  for (const value of values) whole(part, 8, value)
  return whole(part, 20, 7).finish()
}
const node = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: readonly Uint8Array[] = []) => {
  const part = w()
  for (const name of inputs) text(part, 1, name)
  for (const name of outputs) text(part, 2, name)
  text(part, 4, op)
  for (const each of attributes) inside(part, 5, each)
  return part.finish()
}
const value = (name: string, type: number, sides: readonly (number | string)[]) => {
  const shape = w()
  for (const side of sides) inside(shape, 1, typeof side === 'number' ? whole(w(), 1, side).finish() : text(w(), 2, side).finish())
  const tensor = inside(whole(w(), 1, type), 2, shape.finish()).finish()
  return inside(text(w(), 1, name), 2, inside(w(), 1, tensor).finish()).finish()
}
const tensor = (name: string, type: number, raw: Uint8Array) => inside(text(whole(w(), 2, type), 8, name), 9, raw).finish()
interface Parts {
  readonly nodes: readonly Uint8Array[]
  readonly inputs: readonly Uint8Array[]
  readonly outputs: readonly Uint8Array[]
  readonly initializers?: readonly Uint8Array[]
}
const graph = ({ nodes, inputs, outputs, initializers = [] }: Parts) => {
  const part = w()
  for (const each of nodes) inside(part, 1, each)
  text(part, 2, 'g')
  for (const each of initializers) inside(part, 5, each)
  for (const each of inputs) inside(part, 11, each)
  for (const each of outputs) inside(part, 12, each)
  return part.finish()
}
const model = (parts: Parts) => {
  const opset = whole(w(), 2, 17).finish()
  return inside(inside(whole(w(), 1, 8), 7, graph(parts)), 8, opset).finish()
}

/** y = a / b of int64 [1]: sound, but -2^63 / -1 traps. */
export const division = model({
  nodes: [node('Div', ['a', 'b'], ['y'])],
  inputs: [value('a', INT64, [1]), value('b', INT64, [1])],
  outputs: [value('y', INT64, [1])],
})
/** A pool of strides 0, of `a` float32 [1, 1, 4, 4]. */
export const strideless = model({
  nodes: [node('MaxPool', ['a'], ['y'], [intsAttribute('kernel_shape', [2, 2]), intsAttribute('strides', [0, 0])])],
  inputs: [value('a', FLOAT, [1, 1, 4, 4])],
  outputs: [value('y', FLOAT, ['p', 'q', 'r', 's'])],
})
const body = graph({
  nodes: [node('Identity', ['c'], ['co']), node('Identity', ['v'], ['vo'])],
  inputs: [value('i', INT64, []), value('c', BOOL, []), value('v', FLOAT, [1])],
  outputs: [value('co', BOOL, []), value('vo', FLOAT, [1])],
})
/** y = x of float32 [1], after 2^63 - 1 rounds of a Loop. */
export const endless = model({
  nodes: [node('Loop', ['m', 't', 'x'], ['y'], [attribute('body', 5, 6, body)])],
  initializers: [tensor('m', INT64, Buffer.from(BigInt64Array.of(2n ** 63n - 1n).buffer)), tensor('t', BOOL, Buffer.from([1]))],
  inputs: [value('x', FLOAT, [1])],
  outputs: [value('y', FLOAT, [1])],
})

const varint = (given: number): Buffer => Buffer.from(w().uint32(given).finish())
/** A model whose graph is `count` times the same few bytes, as field `field` of the graph. */
export const hollow = (field: number, entry: Uint8Array, count: number): Uint8Array => {
  const each = Buffer.concat([varint((field << 3) | 2), varint(entry.length), entry])
  const filled = Buffer.alloc(each.length * count, each)
  return Buffer.concat([Buffer.from([8, 8]), varint((7 << 3) | 2), varint(filled.length), filled, Buffer.from([0x42, 2, 0x10, 17])])
}
