import type { Family, Op } from './call.ts'
import { axisOf, item, make, type Nd, placeOf, readBroadcast, sizeOf } from './nd.ts'

interface Moments {
  readonly mean: number
  /** Over n, not n - 1. */
  readonly variance: number
}
const momentsOf = (values: readonly number[]): Moments => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length }
}

/** Mean and variance of each group of elements; a group is named by a number of the coordinate. */
const groupMoments = (x: Nd, groupOf: (at: readonly number[]) => number): Map<number, Moments> => {
  const groups = new Map<number, number[]>()
  make(x.dtype, x.shape, (at, place) => {
    const group = groupOf(at)
    const held = groups.get(group) ?? []
    held.push(item(x.data, place))
    groups.set(group, held)
    return 0
  })
  return new Map([...groups].map(([group, values]) => [group, momentsOf(values)]))
}

/** (x - mean) / sqrt(variance + epsilon) by groups. */
const normalized = (
  x: Nd,
  groupOf: (at: readonly number[]) => number,
  epsilon: number,
): { readonly y: Nd; readonly moments: Map<number, Moments> } => {
  const moments = groupMoments(x, groupOf)
  const y = make(x.dtype, x.shape, (at, place) => {
    const { mean, variance } = moments.get(groupOf(at)) ?? { mean: NaN, variance: NaN }
    return (item(x.data, place) - mean) / Math.sqrt(variance + epsilon)
  })
  return { y, moments }
}

const perChannel = (y: Nd, scale: Nd, bias: Nd, channelOf = (channel: number) => channel): Nd =>
  make(y.dtype, y.shape, (at, place) => {
    const channel = channelOf(item(at, 1))
    return item(y.data, place) * item(scale.data, channel) + item(bias.data, channel)
  })

const batchNormalization: Op = (call) => {
  const [x, scale, bias, mean, variance] = [call.get(0), call.get(1), call.get(2), call.get(3), call.get(4)]
  const epsilon = call.float('epsilon', 1e-5)
  const rank = x.shape.length
  const channelOf = (at: readonly number[]) => (rank === 1 ? 0 : item(at, 1))
  if (!call.flag('training_mode')) {
    return [
      make(x.dtype, x.shape, (at, place) => {
        const c = channelOf(at)
        const unit = (item(x.data, place) - item(mean.data, c)) / Math.sqrt(item(variance.data, c) + epsilon)
        return unit * item(scale.data, c) + item(bias.data, c)
      }),
    ]
  }
  const momentum = call.float('momentum', 0.9)
  const { y, moments } = normalized(x, channelOf, epsilon)
  const running = (held: Nd, part: 'mean' | 'variance') =>
    make(held.dtype, held.shape, (_, c) => item(held.data, c) * momentum + (moments.get(c)?.[part] ?? NaN) * (1 - momentum))
  return [perChannel(y, scale, bias), running(mean, 'mean'), running(variance, 'variance')]
}

const layerNormalization: Op = (call) => {
  const [x, scale, bias] = [call.get(0), call.get(1), call.maybe(2)]
  const epsilon = call.float('epsilon', 1e-5)
  const axis = axisOf(call.int('axis', -1), x.shape.length)
  const outer = x.shape.map((side, i) => (i < axis ? side : 1))
  const { y, moments } = normalized(x, (at) => placeOf(outer, at.map((i, d) => (d < axis ? i : 0))), epsilon) // prettier-ignore
  return [
    make(x.dtype, x.shape, (at, place) => item(y.data, place) * readBroadcast(scale, at) + (bias ? readBroadcast(bias, at) : 0)),
    make(x.dtype, outer, (_, place) => moments.get(place)?.mean ?? NaN),
    make(x.dtype, outer, (_, place) => 1 / Math.sqrt((moments.get(place)?.variance ?? NaN) + epsilon)),
  ]
}

const instanceNormalization: Op = (call) => {
  const [x, scale, bias] = [call.get(0), call.get(1), call.get(2)]
  const channels = item(x.shape, 1)
  const { y } = normalized(x, ([n = 0, c = 0]) => n * channels + c, call.float('epsilon', 1e-5))
  return [perChannel(y, scale, bias)]
}

const groupNormalization: Op = (call) => {
  const [x, scale, bias] = [call.get(0), call.get(1), call.get(2)]
  const groups = call.int('num_groups', 1)
  const perGroup = item(x.shape, 1) / groups
  const groupOf = (channel: number) => Math.floor(channel / perGroup)
  const { y } = normalized(x, ([n = 0, c = 0]) => n * groups + groupOf(c), call.float('epsilon', 1e-5))
  // Scale and bias were of groups in opset 18 and are of channels since opset 21.
  return [perChannel(y, scale, bias, call.opset < 21 ? groupOf : undefined)]
}

const lpNormalization: Op = (call) => {
  const x = call.get(0)
  const axis = axisOf(call.int('axis', -1), x.shape.length)
  const p = call.int('p', 2)
  const outer = x.shape.with(axis, 1)
  const sums = new Float64Array(sizeOf(outer))
  make(x.dtype, x.shape, (at, place) => {
    const group = placeOf(outer, at.with(axis, 0))
    sums[group] = item(sums, group) + Math.abs(item(x.data, place)) ** p
    return 0
  })
  return [make(x.dtype, x.shape, (at, place) => item(x.data, place) / item(sums, placeOf(outer, at.with(axis, 0))) ** (1 / p))]
}

/** What takes the mean away and divides by the deviation. */
export const normalization: Family = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
}
