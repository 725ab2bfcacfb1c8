import { failure } from '../core/errors.ts'
import { elementTypes } from './element-types.ts'
import type { Attribute, Graph, Node, ValueType } from './graph.ts'
import type { Kept, Model } from './model.ts'
import { attributeFields, keptGraph } from './read-node.ts'
import { writeTensor } from './tensor-proto.ts'
import { fieldsOf, MessageWriter, restOf } from './wire.ts'

/** From this IR version on, an initializer need not be listed as an input. */
const FREE_INITIALIZERS = 4

/** The IR version that came with each opset: readers of that time know it. */
const irVersionOf = (opset: number): number => {
  if (opset >= 21) return 10
  if (opset >= 19) return 9
  return opset >= 15 ? 8 : 7
}

/** A file has at most so many bytes: protobuf's own bound. */
const MAX_BYTES = 2 ** 31 - 1

const writeType = (name: string, { dtype, shape }: ValueType, kept?: Uint8Array): MessageWriter => {
  const sides = new MessageWriter()
  for (const side of shape)
    sides.message(1, typeof side === 'number' ? new MessageWriter().int(1, side) : new MessageWriter().text(2, side))
  const tensor = new MessageWriter().int(1, elementTypes[dtype]).message(2, sides)
  const writer = new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, tensor))
  return kept === undefined ? writer : writer.raw(restOf(fieldsOf(kept), [1, 2]))
}

const writeAttribute = (name: string, attribute: Attribute): MessageWriter => {
  const [type, id] = attributeFields[attribute.type]
  const writer = new MessageWriter().text(1, name)
  switch (attribute.type) {
    case 'float':
      writer.float(id, attribute.value)
      break
    case 'int':
      writer.int(id, attribute.value)
      break
    case 'string':
      writer.text(id, attribute.value)
      break
    case 'floats':
      for (const value of attribute.value) writer.float(id, value)
      break
    case 'ints':
      for (const value of attribute.value) writer.int(id, value)
      break
    case 'strings':
      for (const value of attribute.value) writer.text(id, value)
      break
    case 'tensor':
      writer.message(id, writeTensor('', attribute.value))
      break
    case 'graph': {
      const kept = keptGraph(attribute.value)
      if (kept === undefined) writer.message(id, graphMessage(attribute.value))
      else writer.bytes(id, kept)
      break
    }
  }
  return writer.int(20, type)
}

const writeNode = (node: Node, kept: readonly Uint8Array[] = []): MessageWriter => {
  const writer = new MessageWriter()
  for (const input of node.inputs) writer.text(1, input)
  for (const output of node.outputs) writer.text(2, output)
  writer.text(3, node.name).text(4, node.op)
  for (const [name, attribute] of Object.entries(node.attributes)) writer.message(5, writeAttribute(name, attribute))
  return writer.raw(kept)
}

const graphMessage = (graph: Graph, kept?: Kept, irVersion = FREE_INITIALIZERS): MessageWriter => {
  const writer = new MessageWriter()
  for (const node of graph.nodes) writer.message(1, writeNode(node, kept?.nodes.get(node.name)))
  writer.text(2, graph.name === '' ? 'graph' : graph.name)
  for (const [name, tensor] of graph.initializers) writer.message(5, writeTensor(name, tensor))
  const listed =
    irVersion < FREE_INITIALIZERS ? graph.initializers.keys() : (kept?.overridable.filter((name) => graph.initializers.has(name)) ?? [])
  for (const [name, type] of graph.inputs) writer.message(11, writeType(name, type, kept?.values.get(name)))
  for (const name of listed) {
    const tensor = graph.initializers.get(name)
    if (tensor !== undefined) writer.message(11, writeType(name, tensor, kept?.values.get(name)))
  }
  for (const [name, type] of graph.outputs) writer.message(12, writeType(name, type, kept?.values.get(name)))
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs))
  for (const [name, bytes] of kept?.values ?? []) if (made.has(name) && !graph.outputs.has(name)) writer.bytes(13, bytes)
  return writer.raw(kept?.graph)
}

/** What to write: a model as it was read, or a graph with what is to be said of it. */
export type Writable = Model | { readonly graph: Graph; readonly irVersion?: number; readonly metadata?: ReadonlyMap<string, string> }

/**
 * The bytes of an ONNX file, with all tensors inside.
 * @throws ActiveStorageError `too-large` where they are more than a protobuf message may hold
 */
export const writeGraph = (model: Writable): Uint8Array => {
  const { graph, irVersion = irVersionOf(graph.opset), metadata = new Map<string, string>() } = model
  const kept = 'kept' in model ? model.kept : undefined
  const others = 'opsets' in model ? model.opsets.filter(({ domain }) => domain !== '' && domain !== 'ai.onnx') : []
  const writer = new MessageWriter().int(1, irVersion)
  if (kept === undefined) writer.text(2, 'active-storage')
  writer.message(7, graphMessage(graph, kept, irVersion))
  for (const { domain, version } of [{ domain: '', version: graph.opset }, ...others])
    writer.message(8, new MessageWriter().text(1, domain).int(2, version))
  for (const [key, value] of metadata) writer.message(14, new MessageWriter().text(1, key).text(2, value))
  const parts = writer.raw(kept?.model).parts()
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  if (size > MAX_BYTES)
    throw failure(
      'too-large',
      `the model takes ${size} bytes, where an ONNX file holds at most ${MAX_BYTES}: keep its weights in float16, or cut it`,
    )
  return Buffer.concat(parts)
}
