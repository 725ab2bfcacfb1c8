import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import { checkBoundsOf } from './bounds.ts'
import { checkGraph, type Loose } from './check.ts'
import { type Kept, type Model, OPSETS } from './model.ts'
import type { Graph, ValueType } from './graph.ts'
import { keepGraph, readNode, type Scope } from './read-node.ts'
import { readType } from './read-type.ts'
import { type External, readTensor } from './tensor-proto.ts'
import { typesOf } from './types.ts'
import { upgrade } from './upgrade.ts'
import { type Field, fieldsOf, intAt, onlyOf, restOf, textAt, unreadable } from './wire.ts'

/** Files of tensors outside the model, by location, as `externalFilesOf` gives them. */
export interface ReadOptions {
  readonly external?: External
}

/** Bytes of numbers of varying length that are read: each takes a bigint's time. */
const MOST_NUMBERS = 2 ** 24

const ours = (domain: string) => domain === '' || domain === 'ai.onnx'

const opsetsOf = (fields: readonly Field[]): Model['opsets'] =>
  fields
    .filter(({ id }) => id === 8)
    .map(({ bytes }) => {
      const entry = fieldsOf(bytes)
      return { domain: textAt(entry, 1), version: Number(intAt(entry, 2)) }
    })

const ofId = (fields: readonly Field[], id: number): readonly Uint8Array[] =>
  fields.filter((field) => field.id === id).map(({ bytes }) => bytes)

interface Read {
  readonly loose: Loose
  readonly rest: readonly Uint8Array[]
  readonly values: ReadonlyMap<string, Uint8Array>
  readonly unshaped: readonly string[]
}

/** Inputs and outputs as the file states them; those without a shape are named. */
const statedTypes = (all: readonly Uint8Array[], values: Map<string, Uint8Array>, unshaped: string[]): [string, ValueType][] =>
  all.map((bytes) => {
    const { name, type, shaped } = readType(bytes)
    values.set(name, bytes)
    if (!shaped) unshaped.push(name)
    return [name, type]
  })

const readLoose = (bytes: Uint8Array, scope: Scope): Read => {
  const fields = fieldsOf(bytes)
  const stored: [string, Tensor][] = ofId(fields, 5).map((tensor) => {
    const read = readTensor(tensor, scope.external)
    return [read.name, read.tensor]
  })
  if (fields.some(({ id }) => id === 15)) throw failure('unsupported', 'the model has sparse initializers: export it with dense ones')
  const values = new Map<string, Uint8Array>()
  const [missingIn, missingOut]: [string[], string[]] = [[], []]
  for (const value of ofId(fields, 13)) values.set(textAt(fieldsOf(value), 1), value)
  const held = new Set(stored.map(([name]) => name))
  const inputs = statedTypes(ofId(fields, 11), values, missingIn)
  const rankless = missingIn.find((name) => !held.has(name))
  if (rankless !== undefined)
    throw failure(
      'unsupported',
      `the model does not state the number of dimensions of its input "${rankless}": export it with example inputs, so that its rank is fixed`,
    )
  const loose: Loose = {
    name: textAt(fields, 2),
    opset: scope.opset,
    inputs,
    initializers: stored,
    nodes: ofId(fields, 1).map((node) => readNode(node, scope, readNested)),
    outputs: statedTypes(ofId(fields, 12), values, missingOut),
    ...(scope.outer && { outer: scope.outer }),
  }
  return { loose, rest: restOf(fields, [1, 2, 5, 11, 12, 13]), values, unshaped: missingOut }
}

/** A graph in an attribute; it is written back as it stood unless it is changed. */
const readNested = (bytes: Uint8Array, scope: Scope): Graph => {
  const { loose } = readLoose(bytes, scope)
  // Names of the outer graphs are not known yet: what is not made here is taken from there.
  const used = new Set([...loose.nodes.flatMap(({ inputs }) => inputs), ...loose.outputs.map(([name]) => name)])
  const made = new Set(loose.nodes.flatMap(({ outputs }) => outputs))
  const graph = checkGraph({ ...loose, outer: new Set([...used].filter((name) => !made.has(name))) })
  return keepGraph(graph, bytes)
}

/** Outputs whose shape the file does not state are inferred. */
const shaped = (graph: Graph, unshaped: readonly string[]): Graph => {
  if (unshaped.length === 0) return graph
  const { types } = typesOf(upgrade(graph))
  return {
    ...graph,
    outputs: new Map([...graph.outputs].map(([name, type]) => [name, unshaped.includes(name) ? (types.get(name) ?? type) : type])),
  }
}

/**
 * Reads an ONNX file of ONNX's own operators. Tensors are views of the bytes where these are aligned: keep them unchanged.
 * @throws ActiveStorageError `bad-model` for what is cut off or makes no graph, `unsupported` for other domains, functions
 * and element types, naming the node or tensor and what to do
 */
export const readGraph = (bytes: Uint8Array, { external = {} }: ReadOptions = {}): Model => {
  const { numberBytes } = checkBoundsOf(bytes)
  if (numberBytes > MOST_NUMBERS)
    throw failure(
      'unsupported',
      `the model holds ${numberBytes} bytes of its tensors as lists of numbers, where ${MOST_NUMBERS} are read: write them as raw data (onnx.numpy_helper.from_array)`,
    )
  const fields = fieldsOf(bytes)
  const graphField = onlyOf(fields, 7, 'the graph')
  const opsets = opsetsOf(fields)
  const opset = opsets.find(({ domain }) => ours(domain))?.version
  if (graphField === undefined || opsets.length === 0) throw unreadable('it has no graph or no opset')
  if (opset === undefined || opset < OPSETS.oldest || opset > OPSETS.newest)
    throw failure(
      'unsupported',
      `the model is of opset ${opset ?? 'none'} of ONNX's operators, where ${OPSETS.oldest} to ${OPSETS.newest} are read: export it with opset 20`,
    )
  const [local] = ofId(fields, 25)
  if (local !== undefined)
    throw failure('unsupported', `the model has functions of its own ("${textAt(fieldsOf(local), 1)}"): export it with them inlined`)
  const kept = new Map<string, readonly Uint8Array[]>()
  const scope: Scope = { opset, external, depth: 0, kept: new Map() }
  const { loose, rest, values, unshaped } = readLoose(graphField.bytes, scope)
  const graph = shaped(checkGraph(loose), unshaped)
  // Nodes get their names in checking, in the order of the file or another: they are told by what they make.
  for (const node of graph.nodes) {
    const own = scope.kept.get(node.outputs.join('\n'))
    if (own !== undefined && own.length > 0) kept.set(node.name, own)
  }
  const keeps: Kept = {
    model: restOf(fields, [1, 7, 8, 14]),
    graph: rest,
    nodes: kept,
    values,
    overridable: loose.inputs.map(([name]) => name).filter((name) => graph.initializers.has(name)),
  }
  const metadata = new Map(ofId(fields, 14).map((entry) => [textAt(fieldsOf(entry), 1), textAt(fieldsOf(entry), 2)]))
  return { irVersion: Number(intAt(fields, 1)), opsets, metadata, graph, kept: keeps }
}
