import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Tensor } from '../../../src/core/tensor.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { operators } from './interpret.ts'
import { FLOATS, item, type Nd } from './nd.ts'
import { readModel, readTensorFile } from './onnx-file.ts'

/** Where Debian's package libonnx-testdata lies; undefined where it is absent. */
export const vectorsFolder = (): string | undefined =>
  [process.env['ONNX_TESTDATA'], '/usr/share/libonnx-testdata/data'].find(
    (folder) => folder !== undefined && existsSync(join(folder, 'node')),
  )

/** A model with inputs and the outputs that they must give. */
export interface Vector {
  readonly name: string
  /** Path of the model's file. */
  readonly file: string
  readonly graph: Graph
  readonly feeds: ReadonlyMap<string, Tensor>
  readonly expected: ReadonlyMap<string, Tensor>
}

/**
 * The opset from which an operator means what the reference computes; those that are not named always did, but for
 * attributes of names of their own. So the vectors of Conv, whose models are of opset 11, count as well.
 */
const since: Readonly<Record<string, number>> = {
  ...Object.fromEntries(['Softmax', 'LogSoftmax', 'Hardmax', 'Squeeze', 'Unsqueeze', 'Split'].map((op) => [op, 13])),
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Equal', 'Less', 'Greater', 'And', 'Or', 'Xor', 'Gemm', 'PRelu'].map((op) => [op, 7]),
  ),
  ...Object.fromEntries(['Dropout', 'RNN', 'LSTM', 'GRU'].map((op) => [op, 7])),
  ...Object.fromEntries(['Clip', 'Pad'].map((op) => [op, 11])),
  ...Object.fromEntries(['Slice', 'TopK'].map((op) => [op, 10])),
  BatchNormalization: 9,
  Cast: 6,
  Concat: 4,
  InstanceNormalization: 6,
  Reshape: 5,
  Tile: 6,
}

const LARGE = 'test_operator_conv'

/** Vectors whose models have operators that the reference knows; why each other one is left out. */
export interface Vectors {
  readonly vectors: readonly Vector[]
  readonly left: ReadonlyMap<string, string>
}

const readVector = (folder: string, name: string): Vector | string => {
  const file = join(folder, 'model.onnx')
  const graph = readModel(file)
  const old = graph.nodes.find(({ op }) => graph.opset < (since[op] ?? 1))
  if (old) return `${old.op} of opset ${graph.opset}`
  // Its mask is numpy's: nobody else can draw it.
  if (graph.nodes.some(({ op }) => op === 'Dropout') && name.startsWith('test_training_dropout') && !name.includes('zero_ratio'))
    return 'random numbers'
  if (name === LARGE) return 'a convolution that takes a plain interpreter 15 s'
  const unknown = graph.nodes.find(({ op }) => operators[op] === undefined)
  if (unknown) return `operator ${unknown.op}`
  const data = join(folder, 'test_data_set_0')
  const tensors = (kind: string, names: Iterable<string>) =>
    new Map([...names].map((tensor, i) => [tensor, readTensorFile(join(data, `${kind}_${i}.pb`))]))
  // Optional outputs that a model names and a vector lacks are not compared.
  const outputs = [...graph.outputs.keys()].filter((_, i) => existsSync(join(data, `output_${i}.pb`)))
  return { name, file, graph, feeds: tensors('input', graph.inputs.keys()), expected: tensors('output', outputs) }
}

/** Every vector that the reference ought to give. */
export const readVectors = (root: string): Vectors => {
  const vectors: Vector[] = []
  const left = new Map<string, string>()
  for (const kind of ['node', 'simple', 'pytorch-operator', 'pytorch-converted']) {
    if (!existsSync(join(root, kind))) continue
    for (const name of readdirSync(join(root, kind))) {
      const folder = join(root, kind, name)
      try {
        const found = readVector(folder, name)
        if (typeof found === 'string') left.set(name, found)
        else vectors.push(found)
      } catch (error) {
        left.set(name, error instanceof Error ? error.message : String(error))
      }
    }
  }
  return { vectors, left }
}

/** What a tensor has against another; undefined where they agree. */
export const difference = (found: Nd, expected: Nd, relative: number): string | undefined => {
  if (found.dtype !== expected.dtype) return `dtype ${found.dtype} instead of ${expected.dtype}`
  if (found.shape.join() !== expected.shape.join()) return `shape [${found.shape.join()}] instead of [${expected.shape.join()}]`
  const tolerance = FLOATS.has(expected.dtype) ? relative : 0
  for (const [place, value] of expected.data.entries()) {
    const other = item(found.data, place)
    if (Object.is(value, other) || value === other) continue
    if (!(Math.abs(value - other) <= tolerance * Math.max(1, Math.abs(value)))) return `element ${place} is ${other} instead of ${value}`
  }
  return undefined
}

/** How far a vector's own rounding may be off: by its coarsest dtype, and by the five digits of pi in the windows' models. */
export const toleranceOf = ({ name, expected, feeds }: Vector): number => {
  if ([...expected.values(), ...feeds.values()].some(({ dtype }) => dtype === 'float16')) return 2e-3
  return name.includes('window') ? 1e-4 : 1e-5
}

/** How many vectors of each operator are among these. */
export const countByOp = (vectors: readonly Vector[]): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { graph } of vectors) for (const op of new Set(graph.nodes.map((node) => node.op))) counts.set(op, (counts.get(op) ?? 0) + 1)
  return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
