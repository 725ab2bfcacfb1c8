import type { Family, Op } from './call.ts'
import { axisOf, item, make, numbersOf, read, scalarOf } from './nd.ts'

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

const slice: Op = (call) => {
  const x = call.get(0)
  const starts = numbersOf(call.get(1))
  const ends = numbersOf(call.get(2))
  const axes = (call.maybe(3) && numbersOf(call.get(3))) ?? starts.map((_, axis) => axis)
  const steps = (call.maybe(4) && numbersOf(call.get(4))) ?? starts.map(() => 1)
  const from = x.shape.map(() => 0)
  const by = x.shape.map(() => 1)
  const shape = [...x.shape]
  for (const [i, given] of axes.entries()) {
    const axis = axisOf(given, x.shape.length)
    const side = item(x.shape, axis)
    const step = item(steps, i)
    const counted = (value: number) => (value < 0 ? value + side : value)
    const start = clamp(counted(item(starts, i)), 0, step < 0 ? side - 1 : side)
    const end = clamp(counted(item(ends, i)), step < 0 ? -1 : 0, side)
    from[axis] = start
    by[axis] = step
    shape[axis] = Math.max(0, Math.ceil((end - start) / step))
  }
  return [
    make(x.dtype, shape, (at) =>
      read(
        x,
        at.map((i, axis) => item(from, axis) + i * item(by, axis)),
      ),
    ),
  ]
}

/** Where an element of a padded side comes from; undefined for the constant. */
const padSource = (mode: string, i: number, side: number): number | undefined => {
  if (i >= 0 && i < side) return i
  switch (mode) {
    case 'constant':
      return undefined
    case 'edge':
      return clamp(i, 0, side - 1)
    case 'wrap':
      return ((i % side) + side) % side
    case 'reflect': {
      const period = 2 * (side - 1)
      const folded = ((i % period) + period) % period
      return folded < side ? folded : period - folded
    }
    default:
      throw new Error(`the reference does not know the mode ${mode} of Pad`)
  }
}

const pad: Op = (call) => {
  const x = call.get(0)
  const rank = x.shape.length
  const given = numbersOf(call.get(1))
  const axes = ((call.maybe(3) && numbersOf(call.get(3))) ?? x.shape.map((_, axis) => axis)).map((axis) => axisOf(axis, rank))
  const value = call.maybe(2)
  const before = x.shape.map(() => 0)
  const shape = [...x.shape]
  for (const [i, axis] of axes.entries()) {
    before[axis] = item(given, i)
    shape[axis] = item(x.shape, axis) + item(given, i) + item(given, i + axes.length)
  }
  const mode = call.text('mode', 'constant')
  return [
    make(x.dtype, shape, (at) => {
      const from = at.map((i, axis) => padSource(mode, i - item(before, axis), item(x.shape, axis)))
      const inside = from.filter((i) => i !== undefined)
      return inside.length === rank ? read(x, inside) : value ? scalarOf(value) : 0
    }),
  ]
}

/** What takes a part, or puts something around. */
export const cutting: Family = { Slice: slice, Pad: pad }
