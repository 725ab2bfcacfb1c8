import type { Kept } from './model.ts'
import { fieldsOf, textAt } from './wire.ts'

/** Free texts that exporters write beside a graph (`metadata_props`): where its nodes and tensors come from. */
export interface Notes {
  /** The program that wrote the file: `pytorch`. */
  readonly producer: string
  readonly graph: ReadonlyMap<string, string>
  /** By name of the node. */
  readonly nodes: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** By name of the tensor. */
  readonly values: ReadonlyMap<string, ReadonlyMap<string, string>>
}

// Numbers of `producer_name` in ModelProto, and of `metadata_props` in GraphProto, NodeProto and ValueInfoProto (ONNX 1.16 and later).
const PRODUCER = 2
const IN_GRAPH = 16
const IN_NODE = 9
const IN_VALUE = 4

const propsOf = (message: Uint8Array, field: number): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const { id, bytes } of fieldsOf(message)) {
    if (id !== field) continue
    const entry = fieldsOf(bytes)
    found.set(textAt(entry, 1), textAt(entry, 2))
  }
  return found
}
const all = (messages: Iterable<readonly [string, Uint8Array]>, field: number): ReadonlyMap<string, ReadonlyMap<string, string>> => {
  const found = new Map<string, ReadonlyMap<string, string>>()
  for (const [name, message] of messages) {
    const props = propsOf(message, field)
    if (props.size > 0) found.set(name, props)
  }
  return found
}

/** The texts of a file that was read; none for a graph that was built here. @throws ActiveStorageError `bad-model` */
export const notesOf = (kept: Kept | undefined): Notes => {
  if (kept === undefined) return { producer: '', graph: new Map(), nodes: new Map(), values: new Map() }
  const nodes = [...kept.nodes].map(([name, fields]) => [name, Buffer.concat(fields)] as const)
  return {
    producer: textAt(fieldsOf(Buffer.concat(kept.model)), PRODUCER),
    graph: propsOf(Buffer.concat(kept.graph), IN_GRAPH),
    nodes: all(nodes, IN_NODE),
    values: all(kept.values, IN_VALUE),
  }
}
