import { failure } from '../../core/errors.ts'
import { opDraws } from '../../core/random.ts'
import type { Op } from './ops.ts'
import type { Mirror, Pixels } from './pack.ts'

/** Ops that only pick pixels: done here, for what is in memory already, with the same result as anywhere. */
export type Picking = Extract<Op, { op: 'center-crop' | 'random-crop' | 'flip' }>
export const isPicking = (op: Op): op is Picking => op.op === 'center-crop' || op.op === 'random-crop' || op.op === 'flip'

interface Key {
  readonly seed: number
  readonly epoch: number
}
type Crop = Extract<Op, { op: 'center-crop' | 'random-crop' }>

/** Where a crop lies; left and top are below 0 where it begins in the border. @throws `bad-sample` where it does not fit */
export const cropPlace = (
  op: Crop,
  index: number,
  size: { readonly width: number; readonly height: number },
  { seed, epoch }: Key,
  id: string,
) => {
  const padding = op.op === 'random-crop' ? (op.padding ?? 0) : 0
  const spare = { x: size.width + 2 * padding - op.width, y: size.height + 2 * padding - op.height }
  if (spare.x < 0 || spare.y < 0)
    throw failure(
      'bad-sample',
      `sample "${id}": a crop of ${op.width} x ${op.height} from ${size.width} x ${size.height}: resize it first, or make the crop smaller`,
    )
  if (op.op === 'center-crop') return { left: Math.floor(spare.x / 2), top: Math.floor(spare.y / 2) }
  const draws = opDraws(seed, epoch, id, index)
  const left = draws.below(spare.x + 1) - padding
  return { left, top: draws.below(spare.y + 1) - padding }
}

/** A crop that may reach beyond the edge: what lies outside is black. */
export const padded = (
  { data, width, height, channels }: Pixels,
  left: number,
  top: number,
  size: { readonly width: number; readonly height: number },
): Pixels => {
  const out = new Uint8Array(size.width * size.height * channels)
  const [from, to] = [Math.max(0, left), Math.min(width, left + size.width)]
  for (let row = Math.max(0, -top); row < size.height && row + top < height && from < to; row++) {
    const source = (row + top) * width
    out.set(data.subarray((source + from) * channels, (source + to) * channels), (row * size.width + from - left) * channels)
  }
  return { data: out, width: size.width, height: size.height, channels }
}

export const mirrored = ({ data, width, height, channels }: Pixels, axis: 'horizontal' | 'vertical'): Pixels => {
  const out = new Uint8Array(width * height * channels)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const source = (axis === 'vertical' ? height - 1 - row : row) * width + (axis === 'horizontal' ? width - 1 - column : column)
      for (let channel = 0; channel < channels; channel++)
        out[(row * width + column) * channels + channel] = data[source * channels + channel]!
    }
  }
  return { data: out, width, height, channels }
}

export const isFlipped = (op: Extract<Op, { op: 'flip' }>, index: number, { seed, epoch }: Key, id: string): boolean =>
  opDraws(seed, epoch, id, index).uniform() < (op.probability ?? 0.5)

/** Applies ops that only pick. @param ops with their places in the spec; the last flips are left to the packing pass */
export const pick = (
  start: Pixels,
  ops: readonly (readonly [index: number, op: Picking])[],
  key: Key,
  id: string,
): { pixels: Pixels; mirror: Mirror } => {
  let pixels = start
  const mirror = { horizontal: false, vertical: false }
  const lastCrop = ops.findLastIndex(([, op]) => op.op !== 'flip')
  for (const [place, [index, op]] of ops.entries()) {
    if (op.op !== 'flip') {
      const { left, top } = cropPlace(op, index, pixels, key, id)
      pixels = padded(pixels, left, top, op)
      continue
    }
    const { axis = 'horizontal' } = op
    if (!isFlipped(op, index, key, id)) continue
    if (place > lastCrop) mirror[axis] = !mirror[axis]
    else pixels = mirrored(pixels, axis)
  }
  return { pixels, mirror }
}
