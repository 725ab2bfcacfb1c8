import { failure } from '../../../src/core/errors.ts'
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts'
import type { Dim, Graph } from '../../../src/graph/graph.ts'
import { filled, normal, uniform, xavierBound } from '../../../src/graph/initial.ts'
import { dropout, embedding, type LayerContext, layerNorm, linear } from '../../../src/graph/layers.ts'

export interface TransformerOptions {
  readonly vocabulary: number
  readonly classes: number
  readonly batch?: Dim
  readonly steps?: number
  readonly width?: number
  readonly heads?: number
  readonly layers?: number
  /** Width of the layer between. Default 4 times the width. */
  readonly between?: number
  readonly dropout?: number
  readonly seed?: number
}

/** What a masked place is given before the softmax: e to it is 0, and a row that is all masked stays a number. */
const MASKED = -1e9

/** Attention of several heads, with the names of PyTorch's MultiheadAttention. `bias` is added to its scores. */
const attention = ({ b, seed }: LayerContext, name: string, x: Value, heads: number, bias: Value): Value => {
  const [, steps = 1, width = 1] = x.shape
  if (typeof width !== 'number' || typeof steps !== 'number' || width % heads !== 0)
    throw failure('invalid-argument', `${name}: a width of ${width} does not make ${heads} heads: use a multiple`)
  const of = (part: string, shape: readonly number[], bound: number) =>
    b.initializer(`${name}.${part}`, bound === 0 ? filled(shape, 0) : uniform(seed, `${name}.${part}`, shape, bound))
  const weight = b.op('Transpose', [of('in_proj_weight', [3 * width, width], xavierBound(width, 3 * width))], { perm: [1, 0] })
  const projected = b.op('Add', [b.op('MatMul', [x, weight]), of('in_proj_bias', [3 * width], 0)])
  const parts = b.ops('Split', [projected], { axis: 2, num_outputs: 3 }, { outputs: 3 })
  const apart = parts.map((part) => b.op('Reshape', [part, b.ints(0, steps, heads, width / heads)]))
  const [q, k, v] = apart.map((part, i) => b.op('Transpose', [part], { perm: i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3] }))
  const scores = b.op('Add', [b.op('Mul', [b.op('MatMul', [q, k]), b.scalar(1 / Math.sqrt(width / heads))]), bias])
  const mixed = b.op('Transpose', [b.op('MatMul', [b.op('Softmax', [scores], { axis: -1 }), v])], { perm: [0, 2, 1, 3] })
  const joined = b.op('Reshape', [mixed, b.ints(0, steps, width)])
  const out = b.op('Transpose', [of('out_proj.weight', [width, width], 1 / Math.sqrt(width))], { perm: [1, 0] })
  return b.op('Add', [b.op('MatMul', [joined, out]), of('out_proj.bias', [width], 0)])
}

/**
 * A transformer encoder (norm first) over tokens, with the mean of its steps classified: `tokens` int64 [batch, steps] and
 * `mask` float32 [batch, steps], 1 where there is a token, to `logits` [batch, classes].
 */
export const transformer = (options: TransformerOptions): Graph => {
  const { vocabulary, classes, batch = 'N', steps = 64, width = 64, heads = 4, layers = 2, between = 4 * width, seed = 0 } = options
  const ratio = options.dropout ?? 0
  const b = new GraphBuilder({ name: 'transformer' })
  const context = { b, seed }
  const tokens = b.input('tokens', 'int64', [batch, steps])
  const mask = b.input('mask', 'float32', [batch, steps])
  const places = b.initializer('positions.weight', normal(seed, 'positions.weight', [steps, width], 0.02))
  let x = dropout(context, b.op('Add', [embedding(context, 'embedding', tokens, vocabulary, width), places]), ratio)
  const bias = b.op('Unsqueeze', [b.op('Mul', [b.op('Sub', [b.scalar(1), mask]), b.scalar(MASKED)]), b.ints(1, 2)])
  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.layers.${layer}`
    x = b.op('Add', [
      x,
      dropout(context, attention(context, `${name}.self_attn`, layerNorm(context, `${name}.norm1`, x), heads, bias), ratio),
    ])
    const inner = b.op('Gelu', [linear(context, `${name}.linear1`, layerNorm(context, `${name}.norm2`, x), between)])
    x = b.op('Add', [x, dropout(context, linear(context, `${name}.linear2`, dropout(context, inner, ratio), width), ratio)])
  }
  const normed = layerNorm(context, 'norm', x)
  const counted = b.op('Unsqueeze', [mask, b.ints(2)])
  const sum = b.op('ReduceSum', [b.op('Mul', [normed, counted]), b.ints(1)], { keepdims: 0 })
  const mean = b.op('Div', [sum, b.op('Max', [b.op('ReduceSum', [mask, b.ints(1)], { keepdims: 1 }), b.scalar(1)])])
  b.output(linear(context, 'fc', mean, classes), 'logits')
  return b.build()
}
