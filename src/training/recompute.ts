import { dtypes } from '../core/dtype.ts'
import { failure } from '../core/errors.ts'
import type { Graph, Node } from '../graph/graph.ts'
import { typesOf } from '../graph/types.ts'
import { sizeOf, shapeOf } from './rules/rule.ts'
import { Waiting } from './waiting.ts'

/** Operators that take little time for the memory that their results take. */
const CHEAP = new Set([
  'Add', 'BatchNormalization', 'Cast', 'Clip', 'Concat', 'Div', 'Elu', 'Erf', 'Exp', 'Expand', 'Flatten', 'Gelu', 'HardSigmoid', 'HardSwish',
  'Identity', 'InstanceNormalization', 'LayerNormalization', 'LeakyRelu', 'Log', 'LogSoftmax', 'Mish', 'Mul', 'Neg', 'PRelu', 'Pad', 'Pow',
  'Relu', 'Reshape', 'Selu', 'Sigmoid', 'Slice', 'Softmax', 'Softplus', 'Softsign', 'Sqrt', 'Squeeze', 'Sub', 'Tanh', 'Tile', 'Transpose',
  'Unsqueeze', 'Where',
]) // prettier-ignore

export interface RecomputeOptions {
  /** Names of the nodes of the graph before its gradients were added. */
  readonly forward: ReadonlySet<string>
  /** Bytes of results that may be kept for the way back. */
  readonly keepBytes: number
}

export interface Recomputed {
  readonly graph: Graph
  /** Bytes that are kept for the way back, before and now. More than asked for where nothing else is cheap to recompute. */
  readonly before: number
  readonly kept: number
  /** Results that the way back computes again. */
  readonly again: readonly string[]
}

/**
 * A training graph that keeps fewer results of its forward part for its gradients, and computes cheap ones again, until
 * what it keeps fits. The largest go first. onnxruntime would join the copies with their originals: a session of such a
 * graph needs `extra: { optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination' } }`.
 */
export const recomputing = (graph: Graph, { forward, keepBytes }: RecomputeOptions): Recomputed => {
  if (!(keepBytes >= 0)) throw failure('invalid-argument', `keepBytes is ${keepBytes}; it is a number of bytes from 0`)
  const { types } = typesOf(graph)
  const producers = new Map(graph.nodes.filter(({ name }) => forward.has(name)).flatMap((node) => node.outputs.map((name) => [name, node] as const))) // prettier-ignore
  const bytesOf = (name: string): number => {
    const type = types.get(name)
    return type === undefined ? 0 : (sizeOf(shapeOf({ name, ...type })) * dtypes[type.dtype].bits) / 8
  }
  const back = graph.nodes.filter(({ name }) => !forward.has(name))
  const kept = new Set(back.flatMap(({ inputs }) => inputs.filter((name) => producers.has(name))))
  const total = (): number => [...kept].reduce((sum, name) => sum + bytesOf(name), 0)
  const before = total()

  // What has to be kept in the place of a result: the inputs of the cheap nodes that make it.
  const instead = (name: string, found: Set<string>): Set<string> => {
    for (const input of producers.get(name)?.inputs ?? []) {
      const producer = producers.get(input)
      if (producer === undefined || kept.has(input) || found.has(input)) continue
      if (CHEAP.has(producer.op)) instead(input, found)
      else found.add(input)
    }
    return found
  }
  const again = new Set<string>()
  for (let size = before, gained = true; size > keepBytes && gained;) {
    gained = false
    for (const name of [...kept].toSorted((a, b) => bytesOf(b) - bytesOf(a))) {
      if (!CHEAP.has(producers.get(name)?.op ?? '') || graph.outputs.has(name)) continue
      kept.delete(name)
      const more = instead(name, new Set())
      if ([...more].reduce((sum, other) => sum + bytesOf(other), 0) >= bytesOf(name)) {
        kept.add(name)
        continue
      }
      for (const other of more) kept.add(other)
      again.add(name)
      gained = true
      size = total()
      if (size <= keepBytes) break
    }
  }
  return { graph: withCopies(graph, back, producers, kept), before, kept: total(), again: [...again] }
}

/**
 * The graph whose way back takes only what is kept, and copies of the nodes that make the rest. Each waits for what the
 * longest chain of the way back has made so far: onnxruntime would run some of them early, and hold their results as long
 * as those that are not kept.
 */
const withCopies = (graph: Graph, back: readonly Node[], producers: ReadonlyMap<string, Node>, kept: ReadonlySet<string>): Graph => {
  const { types } = typesOf(graph)
  const behind = new Set(back)
  const copies = new Map<string, string>()
  const waiting = new Waiting()
  const { nodes } = waiting
  const depths = new Map<string, number>()
  let latest: { readonly name: string; readonly depth: number } | undefined
  const at = (name: string): string => {
    const producer = producers.get(name)
    if (producer === undefined || kept.has(name)) return name
    const known = copies.get(name)
    if (known !== undefined) return known
    const given = producer.inputs.map(at)
    const [first = ''] = given
    const type = types.get(first)
    // A copy of copies waits by them.
    const begins = given.every((input, i) => input === producer.inputs[i])
    const waits = begins && latest !== undefined && type !== undefined
    const inputs = waits ? given.with(0, waiting.after(latest?.name ?? '', first, shapeOf({ name: first, ...type }))) : given
    for (const output of producer.outputs) if (output !== '') copies.set(output, `${output}/again`)
    const outputs = producer.outputs.map((output) => copies.get(output) ?? '')
    nodes.push({ ...producer, name: `${producer.name}/again`, inputs, outputs })
    return copies.get(name) ?? name
  }
  for (const node of graph.nodes) {
    if (!behind.has(node)) {
      nodes.push(node)
      continue
    }
    const inputs = node.inputs.map(at)
    nodes.push({ ...node, inputs })
    const depth = 1 + Math.max(0, ...node.inputs.map((name) => depths.get(name) ?? 0))
    for (const output of node.outputs) depths.set(output, depth)
    const [name = ''] = node.outputs
    if (types.get(name)?.dtype.startsWith('float') === true && depth > (latest?.depth ?? 0)) latest = { name, depth }
  }
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...waiting.initializers]) }
}
