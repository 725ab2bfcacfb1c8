import type { DType } from '../../core/dtype.ts'
import type { Graph, Node } from '../../graph/graph.ts'
import { neededFor } from '../../graph/prune.ts'
import { builderOf } from '../../graph/rebuild.ts'
import { flowsThrough } from '../rules/table.ts'

/** Inputs of operators that take what layers learn, by place. */
const LEARNED: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  Einsum: [0, 1, 2],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  RMSNormalization: [1],
  LSTM: [1, 2, 3, 7],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
  PRelu: [1],
}
const NORMS = /Normalization$/
/** Inputs that gradients could flow through, and that no model learns: bounds, fill values, sizes, first states. */
const NEVER: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [3, 4],
  Clip: [1, 2],
  Pad: [1, 2, 3],
  Resize: [1, 2, 3],
  Range: [0, 1, 2],
  TopK: [1],
  OneHot: [1, 2],
  ConstantOfShape: [0],
  Dropout: [1, 2],
  LSTM: [4],
  GRU: [4],
  RNN: [4],
}
/** Operators that move elements, and do nothing else. */
const PASSING = new Set(['Identity', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze', 'Expand', 'Cast', 'Flatten', 'Slice', 'Split', 'Concat', 'Tile']) // prettier-ignore
const ARITHMETIC = new Set(['Add', 'Sub', 'Mul', 'Div'])
const PRODUCTS = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Einsum'])

/**
 * `layer`: where operators take weights. `norm`: scale and bias of a normalization. `table`: rows that are looked up.
 * `statistic`: running mean and variance. `input`: arithmetic with the model's input itself. `never`: bounds and the like.
 * `other`: arithmetic.
 */
export type Place = 'layer' | 'norm' | 'table' | 'statistic' | 'input' | 'never' | 'other'
export interface Use {
  readonly node: Node
  readonly input: number
  readonly place: Place
}
/** How the nodes of a graph use its initializers. */
export interface Uses {
  /** By name of the initializer, through nodes that only move elements. */
  readonly of: ReadonlyMap<string, readonly Use[]>
  /** Tensors that move the outputs, so that a gradient reaches them. */
  readonly reached: ReadonlySet<string>
  readonly makerOf: ReadonlyMap<string, Node>
}

const FLOATS = new Set<DType>(['float32', 'float64', 'float16'])

/** Tensors that the outputs are computed from by operators that hand gradients on. */
const reachedFrom = (graph: Graph, outputs: readonly string[]): ReadonlySet<string> => {
  const types = builderOf(graph)
  const reached = new Set(outputs)
  for (const node of neededFor(graph.nodes, outputs).toReversed()) {
    if (!node.outputs.some((name) => reached.has(name))) continue
    for (const [i, name] of node.inputs.entries()) {
      if (name === '' || !flowsThrough(node, i) || (NEVER[node.op]?.includes(i) ?? false)) continue
      if (FLOATS.has(types.value(name).dtype)) reached.add(name)
    }
  }
  return reached
}

/** Tensors that are the model's inputs but for arithmetic with constants: pixels that are being normalized. */
const stillInput = ({ inputs, nodes }: Graph, held: (name: string) => boolean): ReadonlySet<string> => {
  const still = new Set([...inputs].filter(([, { dtype }]) => dtype !== 'int64' && dtype !== 'bool').map(([name]) => name))
  const made = new Set<string>()
  for (const { op, inputs: taken, outputs } of nodes) {
    const [first = ''] = taken
    const known = (name: string) => still.has(name) || made.has(name) || held(name)
    if (op === 'Constant' || (taken.length > 0 && taken.every((name) => made.has(name) || held(name))))
      for (const output of outputs) made.add(output) // prettier-ignore
    else if (still.has(first) && op !== 'Concat' && PASSING.has(op)) for (const output of outputs) still.add(output)
    else if (ARITHMETIC.has(op) && taken.every(known)) for (const output of outputs) still.add(output)
  }
  return still
}

/** The node behind nodes that only move elements. */
const maker = (name: string, makerOf: ReadonlyMap<string, Node>): Node | undefined => {
  let node = makerOf.get(name)
  while (node !== undefined && PASSING.has(node.op) && node.op !== 'Concat') node = makerOf.get(node.inputs[0] ?? '')
  return node
}

/** @param graph in the training dialect. @param held whether a name is one of the file's initializers */
export const usesOf = (graph: Graph, outputs: readonly string[], held: (name: string) => boolean): Uses => {
  const found = new Map<string, Use[]>()
  const makerOf = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const still = stillInput(graph, (name) => graph.initializers.has(name))
  /** The initializers that a tensor is made of, where it is made of nothing else. */
  const sources = new Map<string, readonly string[]>()
  const from = (name: string): readonly string[] => sources.get(name) ?? (held(name) ? [name] : [])
  const placeOf = (node: Node, input: number): Place => {
    const { op, inputs } = node
    if (op === 'BatchNormalization' && input >= 3) return 'statistic'
    if (NEVER[op]?.includes(input) ?? false) return 'never'
    if (LEARNED[op]?.includes(input) ?? false) return NORMS.test(op) ? 'norm' : 'layer'
    if (op === 'Gather' && input === 0) return 'table'
    if (!ARITHMETIC.has(op) || inputs.length !== 2) return 'other'
    const other = inputs[1 - input] ?? ''
    if (still.has(other)) return 'input'
    // A bias that is added behind a product is one of a layer; behind a normalization, it is one of that.
    const before = maker(other, makerOf)?.op ?? ''
    if (op === 'Add' && PRODUCTS.has(before) && isRow(graph, inputs[input] ?? '', from)) return 'layer'
    return op === 'Mul' && NORMS.test(before) ? 'norm' : op === 'Add' && isScaledNorm(other, makerOf) ? 'norm' : 'other'
  }
  for (const node of graph.nodes) {
    const moved = node.op === 'Concat' ? node.inputs : node.inputs.slice(0, 1)
    if (PASSING.has(node.op) && moved.every((name) => from(name).length > 0)) {
      for (const output of node.outputs) sources.set(output, [...new Set(moved.flatMap(from))])
      continue
    }
    for (const [input, name] of node.inputs.entries())
      for (const source of from(name)) {
        const uses = found.get(source) ?? []
        uses.push({ node, input, place: placeOf(node, input) })
        found.set(source, uses)
      }
  }
  return { of: found, reached: reachedFrom(graph, outputs), makerOf }
}

const isRow = (graph: Graph, name: string, from: (name: string) => readonly string[]): boolean =>
  from(name).every((source) => (graph.initializers.get(source)?.shape.filter((side) => side !== 1).length ?? 2) <= 1)

const isScaledNorm = (name: string, makerOf: ReadonlyMap<string, Node>): boolean => {
  const product = makerOf.get(name)
  return product?.op === 'Mul' && product.inputs.some((input) => NORMS.test(maker(input, makerOf)?.op ?? ''))
}
