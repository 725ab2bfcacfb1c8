import type { Dim, ValueType } from '../graph.ts'
import type { InferRule, NodeContext } from './context.ts'
import { wanted } from './context.ts'

/** Inputs that hold one number for each channel. */
const perChannel = (at: NodeContext, channels: Dim | undefined, from: number, to: number): void => {
  for (let i = from; i <= to; i++) {
    const [side] = at.rank(i, 1).shape
    if (typeof side === 'number' && typeof channels === 'number' && side !== channels)
      throw at.wrong(`its input ${i} has ${side} numbers for ${channels} channels`, 'give one for each')
  }
}

const batchNormalization: InferRule = (at) => {
  const x = at.rank(0, 1, Infinity)
  const channels = x.shape.length > 1 ? x.shape[1] : 1
  perChannel(at, channels, 1, 4)
  const statistics: ValueType = { dtype: at.input(3).dtype, shape: at.input(3).shape }
  if (at.opset < 14) return wanted(at, [x, statistics, statistics, statistics, statistics])
  if (at.int('training_mode', 0) === 0 && at.node.outputs.length > 1)
    throw at.wrong('it gives running statistics outside of training', 'set training_mode, or take its first output only')
  return wanted(at, [x, statistics, statistics])
}

const instanceNormalization: InferRule = (at) => {
  const x = at.rank(0, 3, Infinity)
  at.sameDType(x, at.input(1), at.input(2))
  perChannel(at, x.shape[1], 1, 2)
  return [x]
}

const groupNormalization: InferRule = (at) => {
  const x = at.rank(0, 3, Infinity)
  const groups = at.int('num_groups', 0)
  const channels = x.shape[1]
  if (groups < 1 || (typeof channels === 'number' && channels % groups !== 0))
    throw at.wrong(`${channels} channels do not make ${groups} groups`, 'correct the attribute "num_groups"')
  perChannel(at, at.opset < 21 ? groups : channels, 1, 2)
  return [x]
}

const layerNormalization: InferRule = (at) => {
  const x = at.rank(0, 1, Infinity)
  at.sameDType(x, at.input(1))
  const axis = at.axis(at.int('axis', -1), x.shape.length)
  for (const i of [1, 2]) {
    const scale = at.optional(i)
    if (scale === undefined) continue
    const joined = at.broadcast(x.shape, scale.shape)
    if (
      scale.shape.length > x.shape.length ||
      joined.some((side, a) => typeof side === 'number' && typeof x.shape[a] === 'number' && side !== x.shape[a])
    )
      throw at.wrong(`its input ${i} does not broadcast to what it normalizes`, 'give it the shape of the axes from "axis" on')
  }
  const statistics: ValueType = { dtype: 'float32', shape: x.shape.map((side, i) => (i < axis ? side : 1)) }
  return wanted(at, [x, statistics, statistics])
}

const crossEntropy =
  (withLogarithm: boolean): InferRule =>
  (at) => {
    const x = at.rank(0, 2, Infinity)
    at.wants(1, 'int32', 'int64')
    const labels = at.rank(1, x.shape.length - 1)
    const rest = [...x.shape.slice(0, 1), ...x.shape.slice(2)]
    const differs = rest.some((side, i) => typeof side === 'number' && typeof labels.shape[i] === 'number' && side !== labels.shape[i])
    if (differs) throw at.wrong('its labels do not have the shape of its scores without the classes', 'give one label for each row')
    if (at.has(2)) perChannel(at, x.shape[1], 2, 2)
    const shape = (at.attribute('reduction', 'string') ?? 'mean') === 'none' ? labels.shape : []
    return wanted(at, [{ dtype: x.dtype, shape }, ...(withLogarithm ? [x] : [])])
  }

const same: InferRule = (at) => [at.input(0)]

export const normalizations: Readonly<Record<string, InferRule>> = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  LRN: (at) => [at.rank(0, 2, Infinity)],
  LpNormalization: same,
  MeanVarianceNormalization: same,
  SoftmaxCrossEntropyLoss: crossEntropy(true),
  NegativeLogLikelihoodLoss: crossEntropy(false),
}
