import { failure } from '../core/errors.ts'
import type { GraphBuilder, Value } from './builder.ts'
import { filled, normal, uniform } from './initial.ts'
import { type RecurrentOptions, recurrent } from './recurrent-layers.ts'

/** What layers are made with: where, and by which seed their weights are drawn. */
export interface LayerContext {
  readonly b: GraphBuilder
  readonly seed: number
}

/** The length of an axis that weights depend on. */
export const fixedSide = (x: Value, axis: number, what: string): number => {
  const side = x.shape.at(axis)
  if (typeof side !== 'number')
    throw failure(
      'invalid-argument',
      `${what}: axis ${axis} of "${x.name}" [${x.shape.join(', ')}] is open, and its weights depend on it: give it a length`,
    )
  return side
}

/** x W' + b over the last axis, as PyTorch's Linear: weights [out, in]. */
export const linear = (
  { b, seed }: LayerContext,
  name: string,
  x: Value,
  out: number,
  { bias = true }: { readonly bias?: boolean } = {},
): Value => {
  const features = fixedSide(x, -1, name)
  const bound = 1 / Math.sqrt(features)
  const weight = b.initializer(`${name}.weight`, uniform(seed, `${name}.weight`, [out, features], bound))
  const offset = bias ? b.initializer(`${name}.bias`, uniform(seed, `${name}.bias`, [out], bound)) : undefined
  if (x.shape.length === 2) return b.op('Gemm', [x, weight, offset], { transB: 1 }, { name })
  const product = b.op('MatMul', [x, b.op('Transpose', [weight], { perm: [1, 0] })], {}, { name })
  return offset === undefined ? product : b.op('Add', [product, offset])
}

export interface ConvOptions {
  readonly kernel: number
  readonly stride?: number
  readonly padding?: number
  readonly groups?: number
  readonly bias?: boolean
}

/** A convolution of images [N, C, H, W] with a square kernel. */
export const conv2d = (
  { b, seed }: LayerContext,
  name: string,
  x: Value,
  out: number,
  { kernel, stride = 1, padding = 0, groups = 1, bias = true }: ConvOptions,
): Value => {
  const shape = [out, fixedSide(x, 1, name) / groups, kernel, kernel]
  const bound = 1 / Math.sqrt((shape[1] ?? 1) * kernel * kernel)
  const weight = b.initializer(`${name}.weight`, uniform(seed, `${name}.weight`, shape, bound))
  const offset = bias ? b.initializer(`${name}.bias`, uniform(seed, `${name}.bias`, [out], bound)) : undefined
  const attributes = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    group: groups,
  }
  return b.op('Conv', [x, weight, offset], attributes, { name })
}

/** With the running statistics that training keeps; momentum is ONNX's: 0.9 is what PyTorch calls 0.1. */
export const batchNorm = (
  { b }: LayerContext,
  name: string,
  x: Value,
  { momentum = 0.9, epsilon = 1e-5 }: { readonly momentum?: number; readonly epsilon?: number } = {},
): Value => {
  const channels = [fixedSide(x, 1, name)]
  const of = (part: string, value: number) => b.initializer(`${name}.${part}`, filled(channels, value))
  return b.op(
    'BatchNormalization',
    [x, of('weight', 1), of('bias', 0), of('running_mean', 0), of('running_var', 1)],
    { momentum, epsilon },
    { name },
  )
}

/** Over the last axis. */
export const layerNorm = ({ b }: LayerContext, name: string, x: Value, epsilon = 1e-5): Value => {
  const side = [fixedSide(x, -1, name)]
  return b.op(
    'LayerNormalization',
    [x, b.initializer(`${name}.weight`, filled(side, 1)), b.initializer(`${name}.bias`, filled(side, 0))],
    { axis: -1, epsilon },
    { name },
  )
}

/** Rows of a table by whole numbers. */
export const embedding = ({ b, seed }: LayerContext, name: string, indexes: Value, rows: number, width: number): Value =>
  b.op('Gather', [b.initializer(`${name}.weight`, normal(seed, `${name}.weight`, [rows, width])), indexes], { axis: 0 }, { name })

/** What training drops and inference does not; nothing at a ratio of 0. */
export const dropout = ({ b }: LayerContext, x: Value, ratio: number): Value => (ratio === 0 ? x : b.op('Dropout', [x, b.scalar(ratio)]))

/** Sequences [batch, steps, features] through LSTM cells: see `recurrent`. */
export const lstm = (context: LayerContext, name: string, x: Value, options: RecurrentOptions) =>
  recurrent(context, 'LSTM', name, x, options)
/** Sequences [batch, steps, features] through GRU cells: see `recurrent`. */
export const gru = (context: LayerContext, name: string, x: Value, options: RecurrentOptions) => recurrent(context, 'GRU', name, x, options)
