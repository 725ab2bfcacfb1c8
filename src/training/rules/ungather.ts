import type { Value } from '../../graph/builder.ts'
import type { Emit } from '../emit.ts'
import { range, shapeOf } from './rule.ts'

/** Beyond so many, what is added to one place is scattered there instead. */
const MOST_LAYERS = 8

/**
 * The gradient of taking `indices`, known and from 0, along an axis of `size`. What went to one place is at most a few
 * copies; each layer of copies is brought back by a Gather, in which places without one take a zero: cheaper than a
 * scatter, and nothing is added in an order of its own.
 */
export const ungather = (e: Emit, grad: Value, axis: number, indices: readonly number[], size: number): Value => {
  const sides = shapeOf(grad)
  const [first = 0] = indices
  if (indices.every((index, i) => index === first + i)) {
    const only = (value: number): number[] => range(sides.length).map((i) => (i === axis ? value : 0))
    return e.pad(grad, only(first), only(size - first - indices.length))
  }
  const places: number[][] = range(size).map(() => [])
  for (const [from, index] of indices.entries()) places[index]?.push(from)
  const most = Math.max(...places.map((from) => from.length))
  if (most > MOST_LAYERS) return scatterKnown(e, grad, axis, indices, size)
  const missing = places.some((from) => from.length < most)
  const behind = sides.map((_, i) => (i === axis && missing ? 1 : 0))
  const padded = e.pad(grad, sides.map(() => 0), behind) // prettier-ignore
  return e.total(range(most).map((layer) => e.gather(padded, places.map((from) => from[layer] ?? indices.length), axis))) // prettier-ignore
}

const scatterKnown = (e: Emit, grad: Value, axis: number, indices: readonly number[], size: number): Value => {
  const sides = shapeOf(grad)
  const places = e.reshape(e.indices(indices), sides.map((side, i) => (i === axis ? side : 1))) // prettier-ignore
  const zeros = e.full(0, grad, sides.map((side, i) => (i === axis ? size : side))) // prettier-ignore
  return e.op('ScatterElements', [zeros, e.expand(places, sides), grad], { axis, reduction: 'add' })
}
