import { Tensor } from '../../core/tensor.ts'
import type { Node } from '../graph.ts'
import type { InferRule, NodeContext } from './context.ts'
import { dtypeAttribute } from './elementwise.ts'

/** The tensor of a Constant node; undefined where it is of a form that holds none (sparse). */
export const constantOf = ({ attributes }: Node): Tensor | undefined => {
  const {
    value,
    value_float: float,
    value_floats: floats,
    value_int: int,
    value_ints: ints,
    value_string: string,
    value_strings: strings,
  } = attributes
  if (value?.type === 'tensor') return value.value
  if (float?.type === 'float') return new Tensor('float32', new Float32Array([float.value]), [])
  if (floats?.type === 'floats') return new Tensor('float32', new Float32Array(floats.value), [floats.value.length])
  if (int?.type === 'int') return new Tensor('int64', BigInt64Array.of(BigInt(int.value)), [])
  if (ints?.type === 'ints') return new Tensor('int64', BigInt64Array.from(ints.value, BigInt), [ints.value.length])
  if (string?.type === 'string') return new Tensor('string', [string.value], [])
  if (strings?.type === 'strings') return new Tensor('string', strings.value, [strings.value.length])
  return undefined
}

const constant: InferRule = (at) => {
  const tensor = constantOf(at.node)
  if (tensor === undefined) throw at.wrong('it holds no dense tensor', 'give its attribute "value" one', 'unsupported')
  return [{ dtype: tensor.dtype, shape: tensor.shape }]
}

const constantOfShape: InferRule = (at) => {
  at.wants(0, 'int64')
  const [length] = at.rank(0, 1).shape
  if (typeof length !== 'number')
    throw at.wrong('the rank of what it gives is known only when the graph runs', 'give it a shape of a fixed length', 'unsupported')
  const sides = at.elements(0)?.values
  const dtype = at.attribute('value', 'tensor')?.dtype ?? 'float32'
  return [{ dtype, shape: Array.from({ length }, (_, i) => sides?.[i] ?? at.fresh(i)) }]
}

const range: InferRule = (at) => {
  const dtype = at.sameDType(at.input(0), at.input(1), at.input(2))
  const [start, limit, delta] = [at.elements(0)?.values[0], at.elements(1)?.values[0], at.elements(2)?.values[0]]
  if (start === 0 && delta === 1 && typeof limit === 'string') return [{ dtype, shape: [limit] }]
  if (typeof start !== 'number' || typeof limit !== 'number' || typeof delta !== 'number') return [{ dtype, shape: [at.fresh(0)] }]
  if (delta === 0) throw at.wrong('it counts in steps of 0', 'give it a step')
  return [{ dtype, shape: [Math.max(0, Math.ceil((limit - start) / delta))] }]
}

const shape: InferRule = (at) => {
  const [from, to] = shapeSpan(at)
  return [{ dtype: 'int64', shape: [Math.max(0, to - from)] }]
}

/** The axes that a Shape gives: since opset 15 it may take a part. */
export const shapeSpan = (at: NodeContext): readonly [number, number] => {
  const rank = at.input(0).shape.length
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank)
  return at.opset < 15 ? [0, rank] : [clamp(at.int('start', 0)), clamp(at.int('end', rank))]
}

const drawn: InferRule = (at) => {
  const sides = at.ints('shape')
  if (sides === undefined) throw at.wrong('it has no attribute "shape"', 'give it one')
  return [{ dtype: dtypeAttribute(at, 'dtype', 'float32'), shape: sides }]
}
const drawnLike: InferRule = (at) => [{ dtype: dtypeAttribute(at, 'dtype', at.input(0).dtype), shape: at.input(0).shape }]

export const sources: Readonly<Record<string, InferRule>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Shape: shape,
  Size: (at) => {
    at.input(0)
    return [{ dtype: 'int64', shape: [] }]
  },
  EyeLike: (at) => {
    at.rank(0, 2)
    return drawnLike(at)
  },
  RandomNormal: drawn,
  RandomUniform: drawn,
  RandomNormalLike: drawnLike,
  RandomUniformLike: drawnLike,
  Bernoulli: drawnLike,
}
