import { failure } from '../core/errors.ts'
import type { Attribute, Graph, Node } from './graph.ts'
import { type External, readTensor } from './tensor-proto.ts'
import { type Field, fieldsOf, intAt, lastOf, onlyOf, restOf, textAt, textOf, varintsOf } from './wire.ts'

/** What nodes are read within. */
export interface Scope {
  readonly opset: number
  readonly external: External
  readonly depth: number
  readonly outer?: ReadonlySet<string>
  /** Takes the fields of each node that are not read, by its outputs. */
  readonly kept: Map<string, readonly Uint8Array[]>
}

type ReadGraph = (bytes: Uint8Array, scope: Scope) => Graph

const MAX_DEPTH = 32

const nested = new WeakMap<Graph, Uint8Array>()
/** Remembers how a graph in an attribute stood in its file. */
export const keepGraph = (graph: Graph, bytes: Uint8Array): Graph => {
  nested.set(graph, bytes)
  return graph
}
/** How a graph in an attribute stood in its file; undefined for one that was made here. */
export const keptGraph = (graph: Graph): Uint8Array | undefined => nested.get(graph)

const TYPES: Readonly<Record<number, Attribute['type']>> = { 1: 'float', 2: 'int', 3: 'string', 4: 'tensor', 5: 'graph', 6: 'floats', 7: 'ints', 8: 'strings' } // prettier-ignore
/** ONNX's number of each attribute type, and of the field that holds it. */
export const attributeFields: Readonly<Record<Attribute['type'], readonly [type: number, field: number]>> = {
  float: [1, 2],
  int: [2, 3],
  string: [3, 4],
  tensor: [4, 5],
  graph: [5, 6],
  floats: [6, 7],
  ints: [7, 8],
  strings: [8, 9],
}

const floatsOf = ({ bytes }: Field): readonly number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getFloat32(4 * i, true))
}

const FARTHEST = 2n ** 63n
const wholeOf = (of: string, value: bigint): number => {
  const number = Number(value)
  // The ends of the range stand for "as far as it goes" in slices, and are written back as they are.
  if (Number.isSafeInteger(number) || value === FARTHEST - 1n || value === -FARTHEST) return number
  throw failure('unsupported', `${of} holds ${value}, more than a number holds exactly: use one below 2^53`)
}

const valueOf = (type: Attribute['type'], fields: readonly Field[], of: string, scope: Scope, readGraph: ReadGraph): Attribute => {
  const [, id] = attributeFields[type]
  const own = fields.filter((field) => field.id === id)
  const last = own.at(-1)
  switch (type) {
    case 'float':
      return { type, value: last === undefined ? 0 : (floatsOf(last)[0] ?? 0) }
    case 'int':
      return { type, value: wholeOf(of, last?.int ?? 0n) }
    case 'string':
      return { type, value: last === undefined ? '' : textOf(last) }
    case 'floats':
      return { type, value: own.flatMap(floatsOf) }
    case 'ints':
      return { type, value: own.flatMap((field) => varintsOf(field).map((value) => wholeOf(of, value))) }
    case 'strings':
      return { type, value: own.map(textOf) }
    case 'tensor':
      return { type, value: readTensor(onlyOf(fields, id, of)?.bytes ?? new Uint8Array(), scope.external, of).tensor }
    case 'graph': {
      if (scope.depth >= MAX_DEPTH) throw failure('bad-model', `the model nests graphs more than ${MAX_DEPTH} deep: flatten it`)
      return {
        type,
        value: readGraph(onlyOf(fields, id, of)?.bytes ?? new Uint8Array(), { ...scope, depth: scope.depth + 1, kept: new Map() }),
      }
    }
  }
}

const readAttribute = (bytes: Uint8Array, node: string, scope: Scope, readGraph: ReadGraph): readonly [string, Attribute] => {
  const fields = fieldsOf(bytes)
  const name = textAt(fields, 1)
  const of = `${node}: its attribute "${name}"`
  if (lastOf(fields, 21) !== undefined)
    throw failure('unsupported', `${of} refers to a function's: export the model with functions inlined`)
  const number = Number(intAt(fields, 20))
  // Files of the first versions do not state the type: it is that of the field that is there.
  const stated = number > 0 ? TYPES[number] : Object.values(TYPES).find((type) => lastOf(fields, attributeFields[type][1]) !== undefined)
  if (stated === undefined) throw failure('unsupported', `${of} is of type ${number}, which is not read: export the model without it`)
  return [name, valueOf(stated, fields, of, scope, readGraph)]
}

/** A NodeProto. @throws ActiveStorageError naming the node */
export const readNode = (bytes: Uint8Array, scope: Scope, readGraph: ReadGraph): Node => {
  const fields = fieldsOf(bytes)
  const texts = (id: number) => fields.filter((field) => field.id === id).map(textOf)
  const [op, name, domain, outputs] = [textAt(fields, 4), textAt(fields, 3), textAt(fields, 7), texts(2)]
  const called = `node ${name === '' ? `that makes "${outputs[0] ?? ''}"` : name} (${op})`
  if (domain !== '' && domain !== 'ai.onnx')
    throw failure(
      'unsupported',
      `${called} is of the domain "${domain}": export the model with ONNX's own operators, or cut it before this node`,
    )
  const attributes: Record<string, Attribute> = {}
  for (const field of fields) {
    if (field.id !== 5) continue
    const [key, value] = readAttribute(field.bytes, called, scope, readGraph)
    if (Object.hasOwn(attributes, key)) throw failure('bad-model', `${called} has two attributes "${key}": export the model again`)
    Object.defineProperty(attributes, key, { value, enumerable: true })
  }
  scope.kept.set(outputs.join('\n'), restOf(fields, [1, 2, 3, 4, 5]))
  return { op, name, inputs: texts(1), outputs, attributes }
}
