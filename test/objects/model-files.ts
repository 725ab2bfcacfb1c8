import protobuf from 'protobufjs'
import { onnxSchema } from '../../src/objects/model/onnx-schema.ts'

const ModelProto = protobuf.Root.fromJSON(onnxSchema).lookupType('onnx.ModelProto')

/** Where in a model a tensor may stand. */
export const places = ['initializer', 'attribute', 'subgraph', 'function', 'sparse', 'doubled'] as const

/** An ONNX file with one tensor kept at a location outside it. */
export const modelWithExternal = (location: string, place: (typeof places)[number] = 'initializer'): Buffer => {
  const tensor = { name: 'weights', dataLocation: 1, externalData: [{ key: 'location', value: location }] }
  const node = { opType: 'Constant', attribute: [{ name: 'value', t: [tensor] }] }
  const plain = { name: 'g' }
  // The schema declares single messages as repeated, so that one that occurs twice is seen twice.
  const graph = {
    initializer: [{ ...plain, initializer: [tensor] }],
    attribute: [{ ...plain, node: [node] }],
    subgraph: [{ ...plain, node: [{ opType: 'If', attribute: [{ name: 'then_branch', g: [{ name: 'then', initializer: [tensor] }] }] }] }],
    function: [plain],
    sparse: [{ ...plain, sparseInitializer: [{ values: [{ name: 'v' }], indices: [tensor] }] }],
    doubled: [{ ...plain, initializer: [tensor] }, plain],
  }[place]
  return Buffer.from(
    ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph,
      ...(place === 'function' && { functions: [{ node: [node] }] }),
    }).finish(),
  )
}

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)])
const within = (field: number, content: Buffer) =>
  Buffer.concat([Buffer.from(varint((field << 3) | 2)), Buffer.from(varint(content.length)), content])

/** A graph that nests as many graphs; written by hand, since protobufjs itself stops at some depth. */
export const nestedModel = (depth: number): Buffer => {
  let graph: Buffer = Buffer.alloc(0)
  // GraphProto.node, NodeProto.attribute, AttributeProto.g
  for (let i = 0; i < depth; i++) graph = within(1, within(5, within(6, graph)))
  const start = Buffer.from(ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }] }).finish())
  return Buffer.concat([start, within(7, graph)])
}
