import { type Draw, type Kind, smooth } from '../case.ts'

/** Large enough that two equal elements by chance do not make the curvature beyond what differences can follow. */
const EPSILONS = [undefined, 0.1, 0.01] as const

/** Sides of a batch of channels: several elements a channel. */
const image = (draw: Draw, least = 0): number[] => [draw.int(2, 3), draw.int(1, 4), ...draw.sides(least, 2, 3)]

/** With running statistics or without, in training, where they are outputs as well; in inference also by mean and variance. */
const batchNormalization = smooth((draw) => {
  const sides = image(draw)
  const channels = [sides[1] ?? 1]
  const x = draw.input(sides)
  const [scale, bias] = [draw.input(channels), draw.input(channels)]
  const epsilon = draw.pick(...EPSILONS)
  if (draw.flag()) {
    const [mean, variance] = draw.flag()
      ? [draw.input(channels), draw.input(channels, 'positive')]
      : [draw.floats(channels), draw.floats(channels, 'positive')]
    return draw.of(draw.op('BatchNormalization', [x, scale, bias, mean, variance], { epsilon }))
  }
  // What the running statistics begin with moves nothing but what they go on with.
  const momentum = draw.pick(undefined, 0.7, 0)
  const statistics =
    momentum === 0 ? [draw.input(channels), draw.input(channels, 'positive')] : [draw.floats(channels), draw.floats(channels, 'positive')]
  const attributes = { epsilon: epsilon ?? 0.05, training_mode: 1, momentum }
  const [y] = draw.b.ops('BatchNormalization', [x, scale, bias, ...statistics], attributes, { outputs: 3 })
  if (y === undefined) throw new Error('BatchNormalization has an output')
  return draw.of(y)
})

const layerNormalization = smooth((draw) => {
  const sides = [...draw.sides(0, 2, 3), draw.int(2, 4)]
  const axis = draw.axis(sides.length)
  const inner = sides.slice(axis)
  const inputs = [draw.input(sides), draw.input(inner)]
  if (draw.flag()) inputs.push(draw.input(inner))
  return draw.of(
    draw.op('LayerNormalization', inputs, { axis: axis === -1 ? draw.pick(undefined, -1) : axis, epsilon: draw.pick(0.1, 0.01) }),
  )
})

const instanceNormalization = smooth((draw) => {
  const sides = image(draw, 1)
  const channels = [sides[1] ?? 1]
  return draw.of(
    draw.op('InstanceNormalization', [draw.input(sides), draw.input(channels), draw.input(channels)], { epsilon: draw.pick(0.1, 0.01) }),
  )
})

const groupNormalization = smooth((draw) => {
  const groups = draw.int(1, 3)
  const sides = [draw.int(1, 2), groups * draw.int(1, 2), ...draw.sides(1, 2, 3)]
  const inputs = [draw.input(sides), draw.input([groups]), draw.input([groups])]
  return draw.of(draw.op('GroupNormalization', inputs, { num_groups: groups, epsilon: draw.pick(0.1, 0.01) }))
})

export const normalizations: Readonly<Record<string, Kind>> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
}
