import type { Family, Op } from './call.ts'
import { make, read, sizeOf, placeOf, type Nd } from './nd.ts'
import { eachInWindow, isInside, windowsOf } from './windows.ts'

const maxPool: Op = (call) => {
  const x = call.get(0)
  const [n = 0, c = 0, ...sides] = x.shape
  const w = windowsOf(call, sides, call.ints('kernel_shape') ?? [])
  const columnMajor = call.flag('storage_order')
  const places: number[] = []
  const values = make(x.dtype, [n, c, ...w.count], ([i = 0, channel = 0, ...window], place) => {
    let best = -Infinity
    eachInWindow(w, window, (from) => {
      if (!isInside(from, sides)) return
      const value = read(x, [i, channel, ...from])
      if (!(value > best)) return
      best = value
      // Indices count over the whole input; in column-major order only the spatial sides change places.
      const spatial = columnMajor ? placeOf(sides.toReversed(), from.toReversed()) : placeOf(sides, from)
      places[place] = (i * c + channel) * sizeOf(sides) + spatial
    })
    return best
  })
  return [values, make('int64', values.shape, (_, place) => places[place] ?? 0)]
}

const averagePool: Op = (call) => {
  const x = call.get(0)
  const [n = 0, c = 0, ...sides] = x.shape
  const w = windowsOf(call, sides, call.ints('kernel_shape') ?? [])
  const padsCount = call.flag('count_include_pad')
  // What ceil_mode adds behind the padding counts nowhere.
  const padded = sides.map((side, d) => side + (w.after[d] ?? 0))
  const inPadded = (at: readonly number[]) => at.every((i, d) => i < (padded[d] ?? 0))
  return [
    make(x.dtype, [n, c, ...w.count], ([i = 0, channel = 0, ...window]) => {
      let sum = 0
      let count = 0
      eachInWindow(w, window, (from) => {
        const inside = isInside(from, sides)
        if (inside) sum += read(x, [i, channel, ...from])
        if (inside || (padsCount && inPadded(from))) count++
      })
      return sum / count
    }),
  ]
}

const global = (apply: (values: Float64Array) => number): Op => {
  const reduced = (x: Nd): Nd => {
    const [n = 0, c = 0, ...sides] = x.shape
    const size = sizeOf(sides)
    return make(x.dtype, [n, c, ...sides.map(() => 1)], (_, place) => apply(x.data.subarray(place * size, (place + 1) * size)))
  }
  return (call) => [reduced(call.get(0))]
}

/** Windows that keep one number of many. */
export const pooling: Family = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: global((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  GlobalMaxPool: global((values) => values.reduce((most, value) => Math.max(most, value), -Infinity)),
}
