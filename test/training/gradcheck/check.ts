import { opDraws } from '../../../src/core/random.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts'
import type { Graph } from '../../../src/graph/graph.ts'
import { gradientGraph } from '../../../src/training/gradient.ts'
import type { Rules } from '../../../src/training/rules/rule.ts'
import { interpret } from '../reference/interpret.ts'
import { item, type Nd, nd, toTensor } from '../reference/nd.ts'
import type { Case } from './case.ts'
import { type Arrays, arraysOf, derivative, found } from './differences.ts'
import { runInOrt } from './ort.ts'

/**
 * What a check may find wrong: a `rule`, whose gradient in float64 is not what differences say; `float32`, where
 * onnxruntime's gradient is not, although the rule is right; `forward`, where the two disagree before any gradient;
 * `threads`, where one thread and two give other bits; `error`, where the gradient graph cannot be made or run.
 */
export const findings = ['rule', 'float32', 'forward', 'threads', 'error'] as const
export interface Finding {
  readonly kind: (typeof findings)[number]
  readonly says: string
}

export interface CheckOptions {
  readonly rules?: Rules
  /** What the gradient graph is built with. Default: a builder as it is. */
  readonly builder?: (options: { readonly name: string; readonly opset: number }) => GraphBuilder
  /** Whether onnxruntime runs the gradient graph as well. Default true. */
  readonly ort?: boolean
}

/** In shares of the greatest element of a gradient. */
const RULE_TOLERANCE = 1e-6
const FLOAT32_TOLERANCE = 1e-3
/** Below this a gradient is nothing: shares of it would be shares of rounding. */
const RULE_FLOOR = 1e-3
const FLOAT32_FLOOR = 1e-1
/** Elements of an input that are looked at, at the most. */
const ELEMENTS = 12

/** Begins the names of the nodes that make the loss: they are the check's own. */
export const LOSS = 'loss/'

const gradName = (name: string): string => `gradient/${name}`

/** The case's graph with a loss, and the gradients as outputs; the forward's outputs stay. */
const withGradients = (
  { graph, of }: Case,
  cotangents: Arrays,
  { rules, builder = (options) => new GraphBuilder(options) }: CheckOptions,
): Graph => {
  const b = builder({ name: 'gradcheck', opset: graph.opset })
  for (const [name, { dtype, shape }] of graph.inputs) b.input(name, dtype, shape)
  for (const [name, tensor] of graph.initializers) b.initializer(name, tensor)
  for (const node of graph.nodes) b.node(node)
  const lossOp = (op: string, inputs: readonly Value[], attributes: { readonly keepdims?: number } = {}) =>
    b.op(op, inputs, attributes, { name: `${LOSS}${op}` })
  const terms = [...graph.outputs.keys()].map((name) => {
    const y = b.value(name)
    const cotangent = b.input(`cotangent/${name}`, y.dtype, found(cotangents, name).shape)
    return lossOp('ReduceSum', [lossOp('Mul', [y, cotangent])], { keepdims: 0 })
  })
  const loss = lossOp('Sum', terms)
  const gradients = gradientGraph(b, { loss: loss.name, of, ...(rules && { rules }) })
  for (const name of graph.outputs.keys()) b.output(b.value(name))
  for (const [name, value] of gradients) b.output(value, gradName(name))
  return b.build()
}

/** Where two differ by more than a share of the greatest of the second; undefined where nowhere. */
const apart = (given: Nd, wanted: Nd, tolerance: number, floor: number): string | undefined => {
  if (given.shape.join() !== wanted.shape.join()) return `has shape [${given.shape.join()}], not [${wanted.shape.join()}]`
  const scale = wanted.data.reduce((most, value) => Math.max(most, Math.abs(value)), floor)
  for (const [place, value] of wanted.data.entries()) {
    const other = item(given.data, place)
    if (!(Math.abs(other - value) <= tolerance * scale))
      return `[${wanted.shape.join()}] at ${place} is ${other}, not ${value} (off by ${(Math.abs(other - value) / scale).toExponential(1)})`
  }
  return undefined
}

/** Cotangents from -2 to 2, as float32 holds them. */
const drawCotangents = (graph: Graph, results: Arrays, seed: number): Arrays => {
  const draws = opDraws(seed, 0, 'cotangents', 0)
  return new Map(
    [...graph.outputs.keys()].map((name) => {
      const { dtype, shape, data } = found(results, name)
      return [
        name,
        nd(
          dtype,
          shape,
          Array.from(data, () => Math.fround(4 * draws.uniform() - 2)),
        ),
      ] as const
    }),
  )
}

/** All places of an array, or some of many. */
const placesOf = (size: number, seed: number): number[] => {
  if (size <= ELEMENTS) return Array.from({ length: size }, (_, place) => place)
  const draws = opDraws(seed, 0, 'places', 0)
  return [...new Set(Array.from({ length: ELEMENTS }, () => draws.below(size)))]
}

const bytesEqual = (a: Tensor, b: Tensor): boolean => {
  const [x, y] = [a, b].map(({ data }) =>
    ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined,
  )
  return x !== undefined && y !== undefined && Buffer.compare(x, y) === 0
}

/**
 * Checks the gradients of a case: the gradient graph, interpreted in float64, against central differences of the forward
 * graph; and the same gradient graph in onnxruntime, in float32 with one thread and with two, against the float64 ones.
 */
export const check = async (kase: Case, options: CheckOptions = {}): Promise<Finding[]> => {
  const says: Finding[] = []
  try {
    const feeds = arraysOf(kase.feeds)
    const forward = interpret(kase.graph, feeds)
    const cotangents = drawCotangents(kase.graph, forward, kase.seed)
    const graph = withGradients(kase, cotangents, options)
    const all = new Map([...feeds, ...[...cotangents].map(([name, array]) => [`cotangent/${name}`, array] as const)])
    const exact = interpret(graph, all)
    for (const name of kase.of) {
      const gradient = found(exact, gradName(name))
      const places = placesOf(found(feeds, name).data.length, kase.seed)
      const measured = places.map((place) => derivative(kase.graph, feeds, cotangents, name, place))
      // The greatest is that of the whole gradient: a few of its elements may all be small.
      const largest = gradient.data.reduce((most, value) => Math.max(most, Math.abs(value)), RULE_FLOOR)
      for (const [i, place] of places.entries()) {
        const [own, wanted] = [item(gradient.data, place), item(measured, i)]
        if (Math.abs(own - wanted) <= RULE_TOLERANCE * Math.max(largest, Math.abs(wanted))) continue
        says.push({ kind: 'rule', says: `the gradient by "${name}" [${gradient.shape.join()}] at ${place} is ${own}; differences give ${wanted}` }) // prettier-ignore
        break
      }
    }
    if (options.ort === false) return says
    const tensors = new Map([...all].map(([name, array]) => [name, kase.feeds.get(name) ?? toTensor(array)]))
    const [one, two] = await runInOrt(graph, tensors, [1, 2])
    if (one === undefined || two === undefined) throw new Error('onnxruntime was not run')
    for (const [name, tensor] of one) {
      const other = two.get(name)
      if (other === undefined || !bytesEqual(tensor, other))
        says.push({ kind: 'threads', says: `"${name}" has other bits with two threads` })
    }
    const rounded = arraysOf(one)
    for (const name of graph.outputs.keys()) {
      const fault = apart(found(rounded, name), found(exact, name), FLOAT32_TOLERANCE, FLOAT32_FLOOR)
      if (fault !== undefined) says.push({ kind: kase.graph.outputs.has(name) ? 'forward' : 'float32', says: `"${name}" ${fault}` })
    }
  } catch (error) {
    says.push({ kind: 'error', says: error instanceof Error ? error.message : String(error) })
  }
  return says
}

/** A case in a few lines: its nodes, and the shapes that it is fed. */
export const described = ({ graph, feeds, of, seed }: Case): string => {
  const shape = (name: string) => {
    const tensor = graph.initializers.get(name) ?? feeds.get(name)
    if (tensor === undefined) return name
    const values = tensor.dtype !== 'float32' || tensor.size < 2 ? `=${Array.from(tensor.data, String).slice(0, 24).join()}` : ''
    return `${of.includes(name) ? 'd' : ''}${name}[${tensor.shape.join()}]${values}`
  }
  const lines = graph.nodes.map(({ op, inputs, outputs, attributes }) => {
    const given = Object.entries(attributes).map(([name, { value }]) => `${name}=${JSON.stringify(value)}`)
    return `${outputs.join()} = ${op}(${inputs.map(shape).join(', ')}) ${given.join(' ')}`
  })
  return [...lines, `seed ${seed}; outputs ${[...graph.outputs.keys()].join()}`].join('\n')
}
