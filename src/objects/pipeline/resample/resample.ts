import type { Op } from '../ops.ts'
import type { Pixels } from '../pack.ts'
import type { FilterName } from './filters.ts'
import { closePasses, openPasses } from './passes.ts'
import { nearestOf, packedWeightsOf, type Packed, type Weights, weightsOf } from './weights.ts'

export interface Size {
  readonly width: number
  readonly height: number
}
export interface Box extends Size {
  readonly left: number
  readonly top: number
}
/** A part of pixels in memory. */
export interface Area {
  readonly pixels: Pixels
  readonly box: Box
}
export type Kernel = NonNullable<Extract<Op, { op: 'resize' }>['kernel']>

/** Bytes of source rows that are copied into the module's memory at a time, and of result rows that come out of it. */
const STRIP_BYTES = 256 * 1024
/** Bytes of the image between the passes; a larger one is made in bands of columns. */
const BETWEEN_BYTES = 8 * 1024 * 1024

const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16

/** Copies an area out of the pixels that it is a part of. */
export const cut = ({ pixels: { data, width, height, channels }, box }: Area): Pixels => {
  if (box.width === width && box.height === height) return { data, width, height, channels }
  const out = new Uint8Array(box.width * box.height * channels)
  for (let row = 0; row < box.height; row++) {
    const at = ((box.top + row) * width + box.left) * channels
    out.set(data.subarray(at, at + box.width * channels), row * box.width * channels)
  }
  return { data: out, width: box.width, height: box.height, channels }
}

const picked = ({ pixels: { data, width, channels }, box }: Area, columns: Int32Array, rows: Int32Array): Pixels => {
  const out = new Uint8Array(columns.length * rows.length * channels)
  let to = 0
  let last = -1
  for (const row of rows) {
    if (row === last) out.copyWithin(to, to - columns.length * channels, to)
    else {
      const from = ((box.top + row) * width + box.left) * channels
      for (let column = 0; column < columns.length; column++) {
        const at = from + columns[column]! * channels
        for (let channel = 0; channel < channels; channel++) out[to + column * channels + channel] = data[at + channel]!
      }
    }
    last = row
    to += columns.length * channels
  }
  return { data: out, width: columns.length, height: rows.length, channels }
}

type Ready = Weights & { readonly packed: Packed }
interface Band {
  /** First column of the window, and how many. */
  readonly first: number
  readonly count: number
  readonly across: Ready | undefined
}

/** Both passes over one band of columns. */
const passBand = (
  { pixels: { data, width, channels }, box }: Area,
  window: Box,
  { first, count, across }: Band,
  down: Ready | undefined,
  out: Uint8Array,
): void => {
  const rows = down === undefined ? { from: window.top, to: window.top + window.height } : down
  const columns = across ?? { from: window.left + first, to: window.left + first + count }
  const acrossPacked = across?.packed
  const downPacked = down?.packed
  const sourceRow = (columns.to - columns.from) * channels
  const stripRows = Math.min(rows.to - rows.from, Math.max(1, Math.floor(STRIP_BYTES / sourceRow)))
  // A pass across writes one byte beyond its row; a pass down takes 16 bytes at a time.
  const stride = aligned(count * channels + 1)
  const outRows = Math.min(window.height, Math.max(1, Math.floor(STRIP_BYTES / stride)))

  let end = 0
  const place = (bytes: number): number => {
    const at = end
    end = aligned(end + bytes)
    return at
  }
  const acrossFirsts = place(count * 4)
  const acrossWeights = place(acrossPacked?.bytes.byteLength ?? 0)
  const downFirsts = place(window.height * 4)
  const downWeights = place(downPacked?.bytes.byteLength ?? 0)
  // Taps that have no weight are read too, beyond the end.
  const strip = place(stripRows * sourceRow + (acrossPacked?.taps ?? 0) * channels + 32)
  const between = place((rows.to - rows.from + (downPacked?.taps ?? 0)) * stride + 32)
  const result = place(downPacked === undefined ? 0 : outRows * stride)
  const { passes, memory } = openPasses(end)

  const put = (at: number, { firsts, from, packed }: Ready, weights: number): void => {
    new Int32Array(memory.buffer, at, firsts.length).set(firsts.map((each) => each - from))
    memory.set(packed.bytes, weights)
  }
  if (across !== undefined) put(acrossFirsts, across, acrossWeights)
  if (down !== undefined) put(downFirsts, down, downWeights)

  const sourceAt = (row: number): number => ((box.top + row) * width + box.left + columns.from) * channels
  if (acrossPacked === undefined) {
    for (let row = rows.from; row < rows.to; row++)
      memory.set(data.subarray(sourceAt(row), sourceAt(row) + sourceRow), between + (row - rows.from) * stride)
  } else {
    const pass = channels === 3 ? passes.rgbRows : passes.greyRows
    for (let row = rows.from; row < rows.to; row += stripRows) {
      const taken = Math.min(stripRows, rows.to - row)
      // Whole rows lie together and are copied in one go.
      if (sourceRow === width * channels) memory.set(data.subarray(sourceAt(row), sourceAt(row) + taken * sourceRow), strip)
      else
        for (let each = 0; each < taken; each++)
          memory.set(data.subarray(sourceAt(row + each), sourceAt(row + each) + sourceRow), strip + each * sourceRow)
      pass(strip, sourceRow, between + (row - rows.from) * stride, stride, taken, acrossFirsts, acrossWeights, acrossPacked.taps, count)
    }
  }

  const take = (at: number, row: number): void =>
    out.set(memory.subarray(at, at + count * channels), (row * window.width + first) * channels)
  if (downPacked === undefined) {
    for (let row = 0; row < window.height; row++) take(between + row * stride, row)
    return
  }
  for (let row = 0; row < window.height; row += outRows) {
    const made = Math.min(outRows, window.height - row)
    const weights = downWeights + row * downPacked.taps * 4
    passes.columns(between, stride, result, stride, downFirsts + row * 4, weights, downPacked.taps, made)
    for (let each = 0; each < made; each++) take(result + each * stride, row + each)
  }
}

/** Across and then down, as far as the size changes. */
const inBands = (area: Area, size: Size, window: Box, kernel: FilterName): Pixels => {
  const { box, pixels } = area
  const down =
    size.height === box.height
      ? undefined
      : packedWeightsOf(kernel, { source: box.height, result: size.height }, { first: window.top, count: window.height }, 'columns')
  const rows = down === undefined ? window.height : down.to - down.from + down.taps
  const most = Math.max(1, Math.floor((BETWEEN_BYTES / rows - 17) / pixels.channels))
  const out = new Uint8Array(window.width * window.height * pixels.channels)
  for (let first = 0; first < window.width; first += most) {
    const count = Math.min(most, window.width - first)
    const across =
      size.width === box.width
        ? undefined
        : packedWeightsOf(
            kernel,
            { source: box.width, result: size.width },
            { first: window.left + first, count },
            pixels.channels === 3 ? 'rgb' : 'grey',
          )
    passBand(area, window, { first, count, across }, down, out)
  }
  return { data: out, width: window.width, height: window.height, channels: pixels.channels }
}

const weighed = (area: Area, size: Size, window: Box, kernel: FilterName): Pixels => {
  const { box } = area
  const lost = { across: box.width - size.width, down: box.height - size.height }
  // Pillow's rule since its version 13: down first where that leaves much less for the pass across.
  if (lost.down <= 0 || lost.down <= 2 * lost.across || lost.across === 0) return inBands(area, size, window, kernel)
  const columns = { source: box.width, result: size.width }
  const { from } = weightsOf(kernel, columns, { first: window.left, count: 1 })
  const { to } = weightsOf(kernel, columns, { first: window.left + window.width - 1, count: 1 })
  const middle = inBands(area, { width: box.width, height: size.height }, { ...window, left: from, width: to - from }, kernel)
  // Only what the pass across reads was made: it begins at that column and row.
  const made: Area = { pixels: middle, box: { left: -from, top: -window.top, width: box.width, height: size.height } }
  return inBands(made, size, window, kernel)
}

/**
 * Resizes an area of 8-bit pixels, and makes a window of the result alone. Two passes, across and down, with 8 bits
 * between them, in whole numbers: the same bits on every machine. An axis whose size stays the same is not filtered.
 * @param size of the whole result, in pixels
 * @param window the part of the result that is made
 */
export const resample = (area: Area, size: Size, window: Box, kernel: Kernel): Pixels => {
  const { box } = area
  if (size.width === box.width && size.height === box.height)
    return cut({ pixels: area.pixels, box: { ...window, left: box.left + window.left, top: box.top + window.top } })
  if (kernel !== 'nearest') {
    const made = weighed(area, size, window, kernel)
    closePasses()
    return made
  }
  const columns = nearestOf({ source: box.width, result: size.width }, { first: window.left, count: window.width })
  const rows = nearestOf({ source: box.height, result: size.height }, { first: window.top, count: window.height })
  return picked(area, columns, rows)
}

/** Three channels to one, as ITU-R 601-2 weighs them: (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16. */
export const toGrey = ({ data, width, height, channels }: Pixels): Pixels => {
  if (channels === 1) return { data, width, height, channels }
  const out = new Uint8Array(width * height)
  const strip = Math.floor(STRIP_BYTES / 3)
  const { passes, memory } = openPasses(4 * strip)
  for (let from = 0; from < out.length; from += strip) {
    const count = Math.min(strip, out.length - from)
    memory.set(data.subarray(from * 3, (from + count) * 3))
    passes.grey(0, 3 * strip, count)
    out.set(memory.subarray(3 * strip, 3 * strip + count), from)
  }
  return { data: out, width, height, channels: 1 }
}
