import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'
import { type DType, dtypes } from '../../../src/core/dtype.ts'
import { Tensor, tensorFromBytes } from '../../../src/core/tensor.ts'
import type { Attribute, Graph, Node, ValueType } from '../../../src/graph/graph.ts'
import { dtypeOfCode } from './call.ts'

/**
 * Reads the small files of ONNX's operator test data. It is its own reader, so that an error of the one under src/ cannot
 * hide in both; of ONNX's schema it knows what those files use.
 */

/** A field of a message: a whole number, the bits of a float, or bytes. */
type Field = number | Uint8Array
type Message = ReadonlyMap<number, readonly Field[]>

const messageOf = (bytes: Uint8Array): Message => {
  const reader = protobuf.Reader.create(bytes)
  const fields = new Map<number, Field[]>()
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    const [id, wire] = [tag >>> 3, tag & 7]
    const value = wire === 0 ? Number(reader.int64()) : wire === 2 ? reader.bytes() : wire === 5 ? reader.float() : reader.double()
    fields.set(id, [...(fields.get(id) ?? []), value])
  }
  return fields
}

const text = new TextDecoder()
const parts = (message: Message, id: number): Uint8Array[] => (message.get(id) ?? []).filter((part) => typeof part !== 'number')
const numbers = (message: Message, id: number): number[] => (message.get(id) ?? []).filter((part) => typeof part === 'number')
const one = (message: Message, id: number): number => numbers(message, id).at(-1) ?? 0
const string = (message: Message, id: number): string => text.decode(parts(message, id).at(-1) ?? new Uint8Array())
/** Repeated numbers, packed or one by one. */
const packed = (message: Message, id: number, next: (reader: protobuf.Reader) => number): number[] => [
  ...numbers(message, id),
  ...parts(message, id).flatMap((bytes) => {
    const reader = protobuf.Reader.create(bytes)
    const found: number[] = []
    while (reader.pos < reader.len) found.push(next(reader))
    return found
  }),
]
const whole = (reader: protobuf.Reader): number => Number(reader.int64())

const readTensor = (bytes: Uint8Array): { name: string; tensor: Tensor } => {
  const message = messageOf(bytes)
  const dtype = dtypeOfCode(one(message, 2))
  const shape = packed(message, 1, whole)
  const raw = parts(message, 9).at(-1)
  const name = string(message, 8)
  if (dtype === 'string') throw new Error('the reference has no strings')
  if (raw !== undefined) return { name, tensor: tensorFromBytes(dtype, raw, shape) }
  const elements = [
    ...packed(message, 4, (reader) => reader.float()),
    ...packed(message, 5, whole),
    ...packed(message, 7, whole),
    ...packed(message, 10, (reader) => reader.double()),
    ...packed(message, 11, whole),
  ]
  const { array } = dtypes[dtype]
  const data = array === BigInt64Array || array === BigUint64Array ? array.from(elements.map(BigInt)) : Reflect.construct(array, [elements])
  return { name, tensor: new Tensor<DType>(dtype, data, shape) }
}

const readAttribute = (bytes: Uint8Array): readonly [string, Attribute] => {
  const message = messageOf(bytes)
  const found = ((): Attribute => {
    switch (one(message, 20)) {
      case 1:
        return { type: 'float', value: one(message, 2) }
      case 2:
        return { type: 'int', value: one(message, 3) }
      case 3:
        return { type: 'string', value: string(message, 4) }
      case 4:
        return { type: 'tensor', value: readTensor(parts(message, 5)[0] ?? new Uint8Array()).tensor }
      case 6:
        return { type: 'floats', value: packed(message, 7, (reader) => reader.float()) }
      case 7:
        return { type: 'ints', value: packed(message, 8, whole) }
      case 8:
        return { type: 'strings', value: parts(message, 9).map((bytesOfOne) => text.decode(bytesOfOne)) }
      default:
        throw new Error(`an attribute of type ${one(message, 20)}`)
    }
  })()
  return [string(message, 1), found]
}

const readNode = (bytes: Uint8Array, index: number): Node & { readonly domain: string } => {
  const message = messageOf(bytes)
  const names = (id: number) => parts(message, id).map((name) => text.decode(name))
  return {
    op: string(message, 4),
    name: string(message, 3) || `#${index}`,
    inputs: names(1),
    outputs: names(2),
    attributes: Object.fromEntries(parts(message, 5).map(readAttribute)),
    domain: string(message, 7),
  }
}

/** The dtype alone: shapes come from the data. */
const readValue = (bytes: Uint8Array): readonly [string, ValueType] => {
  const message = messageOf(bytes)
  const tensorType = parts(messageOf(parts(message, 2)[0] ?? new Uint8Array()), 1)[0]
  if (tensorType === undefined) throw new Error(`"${string(message, 1)}" is no tensor`)
  return [string(message, 1), { dtype: dtypeOfCode(one(messageOf(tensorType), 1)), shape: [] }]
}

/** A model of ONNX's own operators. */
export const readModel = (file: string): Graph => {
  const model = messageOf(readFileSync(file))
  const opset = parts(model, 8).map(messageOf).find((entry) => ['', 'ai.onnx'].includes(string(entry, 1))) // prettier-ignore
  const graph = messageOf(parts(model, 7)[0] ?? new Uint8Array())
  const nodes = parts(graph, 1).map(readNode)
  const foreign = nodes.find(({ domain }) => !['', 'ai.onnx'].includes(domain))
  if (foreign) throw new Error(`an operator of the domain ${foreign.domain}`)
  const initializers = new Map(parts(graph, 5).map((bytes) => [readTensor(bytes).name, readTensor(bytes).tensor]))
  return {
    name: string(graph, 2),
    opset: opset ? one(opset, 2) : 0,
    inputs: new Map(parts(graph, 11).map(readValue).filter(([name]) => !initializers.has(name))), // prettier-ignore
    initializers,
    nodes,
    outputs: new Map(parts(graph, 12).map(readValue)),
  }
}

/** A file that holds one tensor. */
export const readTensorFile = (file: string): Tensor => readTensor(readFileSync(file)).tensor
