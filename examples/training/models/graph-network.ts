import { failure } from '../../../src/core/errors.ts'
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts'
import type { Dim, Graph } from '../../../src/graph/graph.ts'
import { filled, uniform, xavierBound } from '../../../src/graph/initial.ts'
import { dropout, fixedSide, type LayerContext, linear } from '../../../src/graph/layers.ts'

interface CommonOptions {
  readonly features: number
  readonly hidden?: number
  readonly classes: number
  readonly dropout?: number
  readonly seed?: number
}
/** Nodes with sampled neighbours, as the op `neighbours` of a pipeline gives them: one layer for each hop. */
export interface SampledOptions extends CommonOptions {
  /** Nodes that are classified. Default open: the last batch of a set may be smaller. */
  readonly batch?: number
  readonly fanouts: readonly number[]
  /** Width of a layer before the first hop: wide features, such as words, are made narrow before they are gathered. Default none. */
  readonly projection?: number
}
export interface DenseOptions extends CommonOptions {
  readonly nodes: number
  readonly layers?: number
}

/** Sums of the features of each node's neighbours, and how many there are, at least `least`. */
const gathered = (b: GraphBuilder, h: Value, neighbours: Value, mask: Value) => {
  const weights = b.op('Unsqueeze', [mask, b.ints(2)])
  const sum = b.op('ReduceSum', [b.op('Mul', [b.op('Gather', [h, neighbours], { axis: 0 }), weights]), b.ints(1)], { keepdims: 0 })
  return { sum, count: b.op('ReduceSum', [mask, b.ints(1)], { keepdims: 1 }) }
}

type Layer = (h: Value, own: Value, neighbours: Value, mask: Value, layer: number, width: number) => Value

/** Layers from the outermost hop in: what a hop's nodes need of the next is there when their turn comes. */
const sampled = (
  b: GraphBuilder,
  { features, hidden = 64, classes, batch, fanouts, projection, dropout: ratio = 0, seed = 0 }: SampledOptions,
  layerOf: Layer,
): Graph => {
  if (fanouts.length === 0) throw failure('invalid-argument', 'a graph network of no hops: give one fanout for each layer')
  const growths = fanouts.reduce<readonly number[]>((all, fanout) => [...all, (all.at(-1) ?? 1) * (1 + fanout)], [1])
  const rooms = growths.map((growth): Dim => (batch === undefined ? `N${growth}` : batch * growth))
  const given = b.input('features', 'float32', [rooms.at(-1) ?? 'N', features])
  const hops = fanouts.map((fanout, hop) => ({
    neighbours: b.input(`neighbours${hop}`, 'int64', [rooms[hop] ?? 'N', fanout]),
    mask: b.input(`mask${hop}`, 'float32', [rooms[hop] ?? 'N', fanout]),
  }))
  let h = projection === undefined ? given : b.op('Relu', [linear({ b, seed }, 'projection', given, projection)])
  for (const [layer, { neighbours, mask }] of hops.toReversed().entries()) {
    const last = layer === hops.length - 1
    // The nodes of a hop stand before those that they led to.
    const own = b.op('Slice', [h, b.ints(0), b.op('Shape', [neighbours], { start: 0, end: 1 }), b.ints(0)])
    const made = layerOf(h, own, neighbours, mask, layer, last ? classes : hidden)
    h = last ? made : dropout({ b, seed }, b.op('Relu', [made]), ratio)
  }
  b.output(h, 'logits')
  return b.build()
}

/** GraphSAGE (Hamilton et al. 2017) with the mean of sampled neighbours: `logits` [batch, classes]. */
export const graphSage = (options: SampledOptions): Graph => {
  const b = new GraphBuilder({ name: 'graphsage' })
  const context = { b, seed: options.seed ?? 0 }
  return sampled(b, options, (h, own, neighbours, mask, layer, width) => {
    const { sum, count } = gathered(b, h, neighbours, mask)
    const mean = b.op('Div', [sum, b.op('Max', [count, b.scalar(1)])])
    const name = `convs.${layer}`
    return b.op('Add', [linear(context, `${name}.lin_l`, mean, width), linear(context, `${name}.lin_r`, own, width, { bias: false })])
  })
}

/** The weights of a graph convolution: Xavier's, and a bias of 0 that is added after the neighbours are. */
const convolution = ({ b, seed }: LayerContext, name: string, x: Value, width: number): { readonly x: Value; readonly bias: Value } => {
  const features = fixedSide(x, -1, name)
  const weight = b.initializer(`${name}.lin.weight`, uniform(seed, `${name}.lin.weight`, [width, features], xavierBound(features, width)))
  return { x: b.op('Gemm', [x, weight], { transB: 1 }), bias: b.initializer(`${name}.bias`, filled([width], 0)) }
}

/** A graph convolution over sampled neighbours: the mean of a node and those, (D + I)^-1 (A + I), before the weights. */
export const gcnSampled = (options: SampledOptions): Graph => {
  const b = new GraphBuilder({ name: 'gcn-sampled' })
  const context = { b, seed: options.seed ?? 0 }
  return sampled(b, options, (h, own, neighbours, mask, layer, width) => {
    const { sum, count } = gathered(b, h, neighbours, mask)
    const mean = b.op('Div', [b.op('Add', [sum, own]), b.op('Add', [count, b.scalar(1)])])
    const { x, bias } = convolution(context, `convs.${layer}`, mean, width)
    return b.op('Add', [x, bias])
  })
}

/**
 * GCN (Kipf and Welling 2017) on a block of nodes: `features` [nodes, features] and `adjacency` [nodes, nodes], normalised
 * with self-loops as the caller likes, to `logits` of all its nodes.
 */
export const gcn = ({ features, hidden = 16, classes, nodes, layers = 2, dropout: ratio = 0, seed = 0 }: DenseOptions): Graph => {
  const b = new GraphBuilder({ name: 'gcn' })
  const context = { b, seed }
  let h = b.input('features', 'float32', [nodes, features])
  const adjacency = b.input('adjacency', 'float32', [nodes, nodes])
  for (let layer = 0; layer < layers; layer++) {
    const last = layer === layers - 1
    const { x, bias } = convolution(context, `convs.${layer}`, h, last ? classes : hidden)
    const sum = b.op('Add', [b.op('MatMul', [adjacency, x]), bias])
    h = last ? sum : dropout(context, b.op('Relu', [sum]), ratio)
  }
  b.output(h, 'logits')
  return b.build()
}
