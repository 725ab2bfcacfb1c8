import type { InferRule, NodeContext } from './context.ts'
import { equalSide } from './shapes.ts'

const indices = (at: NodeContext, i: number) => at.wants(i, 'int32', 'int64')

const gather: InferRule = (at) => {
  const { dtype, shape } = at.rank(0, 1, Infinity)
  indices(at, 1)
  const axis = at.axis(at.int('axis', 0), shape.length)
  return [{ dtype, shape: [...shape.slice(0, axis), ...at.input(1).shape, ...shape.slice(axis + 1)] }]
}

const gatherElements: InferRule = (at) => {
  const { dtype, shape } = at.rank(0, 1, Infinity)
  indices(at, 1)
  const taken = at.rank(1, shape.length)
  at.axis(at.int('axis', 0), shape.length)
  return [{ dtype, shape: taken.shape }]
}

const depthOf = (at: NodeContext, rank: number): number => {
  const depth = at.rank(1, 1, Infinity).shape.at(-1)
  if (typeof depth !== 'number')
    throw at.wrong('the last side of its indices is known only when the graph runs', 'give indices whose last side is fixed', 'unsupported')
  if (depth < 1 || depth > rank) throw at.wrong(`its indices name ${depth} axes of ${rank}`, 'correct their last side')
  return depth
}

const gatherND: InferRule = (at) => {
  const { dtype, shape } = at.rank(0, 1, Infinity)
  at.wants(1, 'int64')
  const batch = at.int('batch_dims', 0)
  const depth = depthOf(at, shape.length - batch)
  return [{ dtype, shape: [...at.input(1).shape.slice(0, -1), ...shape.slice(batch + depth)] }]
}

const scatterElements: InferRule = (at) => {
  const data = at.rank(0, 1, Infinity)
  indices(at, 1)
  const [places, updates] = [at.rank(1, data.shape.length), at.rank(2, data.shape.length)]
  at.sameDType(data, updates)
  at.axis(at.int('axis', 0), data.shape.length)
  if (places.shape.some((side, i) => equalSide(side, updates.shape[i] ?? 1) === undefined))
    throw at.wrong('its indices and updates differ in shape', 'make them equal')
  return [data]
}

const scatterND: InferRule = (at) => {
  const data = at.rank(0, 1, Infinity)
  at.wants(1, 'int64')
  const depth = depthOf(at, data.shape.length)
  const expected = [...at.input(1).shape.slice(0, -1), ...data.shape.slice(depth)]
  const updates = at.rank(2, expected.length)
  at.sameDType(data, updates)
  if (expected.some((side, i) => equalSide(side, updates.shape[i] ?? 1) === undefined))
    throw at.wrong('its updates do not have the shape of what they replace', `give them [${expected.join(', ')}]`)
  return [data]
}

const oneHot: InferRule = (at) => {
  const { shape } = at.input(0)
  const given = at.int('axis', -1)
  const axis = at.axis(given, shape.length + 1)
  const depth = at.input(1).shape.length <= 1 ? at.elements(1)?.values[0] : undefined
  return [{ dtype: at.rank(2, 1).dtype, shape: [...shape.slice(0, axis), depth ?? at.fresh(axis), ...shape.slice(axis)] }]
}

const byContent: InferRule = (at) => {
  throw at.wrong(
    'how much it gives depends on the elements, so nothing after it has a known shape',
    'use Where or a mask in its place, or cut the model before it',
    'unsupported',
  )
}

const loop: InferRule = (at) => {
  throw at.wrong(
    'it runs a graph of its own as often as data say',
    'export the model with the loop unrolled, or with LSTM or GRU in its place',
    'unsupported',
  )
}

export const indexing: Readonly<Record<string, InferRule>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  OneHot: oneHot,
  NonZero: byContent,
  Compress: byContent,
  Unique: byContent,
  NonMaxSuppression: byContent,
  Loop: loop,
  Scan: loop,
  If: (at) => {
    throw at.wrong(
      'which of its branches runs is not settled',
      'call upgrade, which puts a branch in its place where its condition is known',
      'unsupported',
    )
  },
}
