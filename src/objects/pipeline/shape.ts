import { failure } from '../../core/errors.ts'
import type { Geometric } from './decode.ts'
import type { Mirror, Pixels } from './pack.ts'
import { cropPlace, isFlipped, mirrored, padded } from './pixels.ts'
import { fitted } from './resample/fit.ts'
import { type Area, type Box, cut, type Kernel, resample, type Size } from './resample/resample.ts'

/** Sides beyond this are not resized: the weights alone would take more memory than the image. */
const MOST_SIDE = 1_048_576

/** A resize that has not been made yet: a crop after it narrows its window. */
interface Pending {
  readonly size: Size
  readonly window: Box
  readonly kernel: Kernel
}

export interface Shaping {
  readonly id: string
  readonly key: { readonly seed: number; readonly epoch: number }
  readonly maxPixels: number
  /** Of the image, where its pixels are a smaller copy. */
  readonly size?: Size
}

const within = (box: Box, { left, top }: { left: number; top: number }, { width, height }: Size): Box => ({
  left: box.left + left,
  top: box.top + top,
  width,
  height,
})

const onto = (pixels: Pixels, { width, height }: Size, place: { left: number; top: number }, background: readonly number[]): Pixels => {
  const { channels } = pixels
  const [red = 0, green = 0, blue = 0] = background.map(Math.round)
  const colour = channels === 1 ? [(red * 19595 + green * 38470 + blue * 7471 + 32_768) >> 16] : [red, green, blue]
  const data = new Uint8Array(width * height * channels)
  if (colour.some((level) => level !== 0)) for (let at = 0; at < data.length; at++) data[at] = colour[at % channels]!
  for (let row = 0; row < pixels.height; row++) {
    const from = row * pixels.width * channels
    const to = ((place.top + row) * width + place.left) * channels
    data.set(pixels.data.subarray(from, from + pixels.width * channels), to)
  }
  return { data, width, height, channels }
}

/**
 * The geometric ops on pixels in memory, in the order written. A crop copies nothing: it narrows the area that the next
 * resize reads, or the window that the resize before it makes.
 * @param ops with their places in the spec; the last flips are left to the packing pass
 * @throws `bad-sample` where a crop does not fit, or a resize is out of bounds
 */
export const shapePixels = (
  start: Pixels,
  ops: readonly (readonly [index: number, op: Geometric])[],
  { id, key, maxPixels, size: original }: Shaping,
): { pixels: Pixels; mirror: Mirror } => {
  let area: Area = { pixels: start, box: { left: 0, top: 0, width: start.width, height: start.height } }
  let pending: Pending | undefined
  let scaledFrom = original
  const flush = (): Pixels => {
    const pixels = pending === undefined ? cut(area) : resample(area, pending.size, pending.window, pending.kernel)
    area = { pixels, box: { left: 0, top: 0, width: pixels.width, height: pixels.height } }
    pending = undefined
    return pixels
  }
  const replace = (pixels: Pixels): void => {
    area = { pixels, box: { left: 0, top: 0, width: pixels.width, height: pixels.height } }
  }
  const check = ({ width, height }: Size, { size, window }: Pick<Pending, 'size' | 'window'>): void => {
    const between = window.width * (height === size.height ? window.height : height)
    if (between <= maxPixels && Math.max(width, height, size.width, size.height) <= MOST_SIDE) return
    throw failure(
      'bad-sample',
      `sample "${id}": a resize from ${width} x ${height} to ${size.width} x ${size.height} takes more than the ${maxPixels} pixels allowed on its way: crop it first, or remove it`,
    )
  }

  const mirror = { horizontal: false, vertical: false }
  const lastShaping = ops.findLastIndex(([, op]) => op.op !== 'flip')
  for (const [place, [index, op]] of ops.entries()) {
    switch (op.op) {
      case 'resize': {
        if (pending !== undefined) flush()
        const { size, window, place: within } = fitted(scaledFrom ?? area.box, op)
        scaledFrom = undefined
        check(area.box, { size, window })
        pending = { size, window, kernel: op.kernel ?? 'lanczos3' }
        if (within !== undefined && (size.width !== op.width || size.height !== op.height))
          replace(onto(flush(), op, within, op.background ?? []))
        break
      }
      case 'center-crop':
      case 'random-crop': {
        const seen = pending?.window ?? area.box
        const at = cropPlace(op, index, seen, key, id)
        if (op.op === 'random-crop' && (op.padding ?? 0) > 0) replace(padded(flush(), at.left, at.top, op))
        else if (pending !== undefined) pending = { ...pending, window: within(pending.window, at, op) }
        else area = { ...area, box: within(area.box, at, op) }
        break
      }
      case 'flip': {
        const { axis = 'horizontal' } = op
        if (!isFlipped(op, index, key, id)) break
        // The packing pass mirrors at no cost.
        if (place > lastShaping) mirror[axis] = !mirror[axis]
        else replace(mirrored(flush(), axis))
        break
      }
    }
  }
  return { pixels: flush(), mirror }
}
