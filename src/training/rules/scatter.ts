import type { Value } from '../../graph/builder.ts'
import type { Emit } from '../emit.ts'
import { range, shapeOf, sizeOf } from './rule.ts'

/**
 * Rows added up by the place each belongs to: [places, width] of rows [count, width] and their places [count], from
 * -places to places - 1. By ScatterElements, which adds in the order of the rows; ScatterND would race.
 */
export const addRows = (e: Emit, rows: Value, at: Value, places: number): Value => {
  const [count = 0, width = 0] = shapeOf(rows)
  const spread = e.expand(e.reshape(at, [count, 1]), [count, width])
  return e.op('ScatterElements', [e.full(0, rows, [places, width]), spread, rows], { axis: 0, reduction: 'add' })
}

/** The numbers of rows that the tuples of indices [..., depth] name in a tensor of these sides, one for each tuple. */
export const rowNumbers = (e: Emit, indices: Value, sides: readonly number[], batchDims = 0): Value => {
  const own = shapeOf(indices)
  const depth = own.at(-1) ?? 0
  const named = sides.slice(batchDims, batchDims + depth)
  const count = sizeOf(own.slice(0, -1))
  const strides = named.map((_, i) => sizeOf(named.slice(i + 1)))
  const wide = e.cast(indices, 'int64')
  // A negative index counts from behind.
  const from0 = e.op('Mod', [wide, e.indices(named)])
  const within = e.sum(e.mul(from0, e.indices(strides)), [own.length - 1], false)
  const flat = e.reshape(within, [count])
  if (batchDims === 0) return flat
  const batches = sizeOf(sides.slice(0, batchDims))
  const offsets = range(count).map((i) => Math.floor(i / (count / batches)) * sizeOf(named))
  return e.add(flat, e.indices(offsets))
}
