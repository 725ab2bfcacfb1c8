import { type FilterName, filters } from './filters.ts'

/** Weights are whole numbers of 1/2^22: 32 bits, less 8 of a level and 2 for sums beyond 1. */
const UNIT = 2 ** 22
/** Bits of the low part of a weight. */
const LOW_BITS = 12

/** Which source pixels make each pixel of a part of the result, along one axis, and by which weights. */
export interface Weights {
  /** The first source pixel for each pixel of the result. */
  readonly firsts: Int32Array
  /** For each pixel of the result `taps` weights, those beyond its own are 0. */
  readonly values: Int32Array
  readonly taps: number
  /** Source pixels that have a weight: from `from`, up to and without `to`. */
  readonly from: number
  readonly to: number
}

/**
 * Weights along one axis, with the kernel as wide as the reduction (antialiasing) and half-pixel centres: pixel i of the
 * result looks at (i + 0.5) * scale. They are normalized in float64, then rounded to whole numbers of 1/2^22.
 * @param size of the source and of the whole result, in pixels
 * @param part of the result that is made: first pixel and count
 */
export const weightsOf = (
  kernel: FilterName,
  size: { readonly source: number; readonly result: number },
  part: { readonly first: number; readonly count: number },
): Weights => {
  const { support: radius, weight } = filters[kernel]
  const scale = size.source / size.result
  const stretch = Math.max(scale, 1)
  const support = radius * stretch
  const taps = Math.min(Math.ceil(support) * 2 + 1, size.source)
  const firsts = new Int32Array(part.count)
  const values = new Int32Array(part.count * taps)
  const exact = new Float64Array(taps)
  let [from, to] = [size.source, 0]
  for (let index = 0; index < part.count; index++) {
    const centre = (part.first + index + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - support + 0.5))
    const count = Math.min(size.source, Math.trunc(centre + support + 0.5)) - first
    let sum = 0
    for (let tap = 0; tap < count; tap++) sum += exact[tap] = weight((tap + first - centre + 0.5) * (1 / stretch))
    for (let tap = 0; tap < count; tap++) {
      const value = (sum === 0 ? exact[tap]! : exact[tap]! / sum) * UNIT
      values[index * taps + tap] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5)
    }
    firsts[index] = first
    from = Math.min(from, first)
    to = Math.max(to, first + count)
  }
  return { firsts, values, taps, from, to }
}

/** The source pixel that each pixel of the result is, by `nearest`. */
export const nearestOf = (
  size: { readonly source: number; readonly result: number },
  part: { readonly first: number; readonly count: number },
): Int32Array => {
  const scale = size.source / size.result
  const picked = new Int32Array(part.count)
  // floor((i + 0.5) * scale), with the position as a sum in float64, as Pillow has it: where the product is a whole
  // number, rounding of the sum decides.
  let position = scale * 0.5
  for (let pixel = 0; pixel < part.first + part.count; pixel++) {
    if (pixel >= part.first) picked[pixel - part.first] = Math.min(size.source - 1, Math.trunc(position))
    position += scale
  }
  return picked
}

/**
 * Weights as a pass reads them: high and low 16-bit parts, filled up with zeros. The high parts of a group of taps lie
 * together, before their low parts.
 */
export interface Packed {
  readonly bytes: Uint8Array
  readonly taps: number
}
const pack = ({ values, taps, firsts }: Weights, [group, multiple]: readonly [number, number]): Packed => {
  const filled = Math.ceil(taps / multiple) * multiple
  const parts = new Int16Array(firsts.length * filled * 2)
  for (let index = 0; index < firsts.length; index++) {
    for (let tap = 0; tap < taps; tap++) {
      const value = values[index * taps + tap]!
      const at = index * filled * 2 + Math.floor(tap / group) * group * 2 + (tap % group)
      parts[at] = value >> LOW_BITS
      parts[at + group] = value & (2 ** LOW_BITS - 1)
    }
  }
  return { bytes: new Uint8Array(parts.buffer), taps: filled }
}

/** Taps of a group, and what the number of taps is filled up to a multiple of. */
const passKinds = { rgb: [2, 4], grey: [8, 8], columns: [2, 2] } as const

/** Weights kept for the next image of the same size: for small images they cost more than the passes. */
const KEPT = 64
const KEPT_BYTES = 256 * 1024
const kept = new Map<string, Weights & { readonly packed: Packed }>()

/** The same, as a kind of pass reads them. */
export const packedWeightsOf = (
  kernel: FilterName,
  size: { readonly source: number; readonly result: number },
  part: { readonly first: number; readonly count: number },
  kind: keyof typeof passKinds,
): Weights & { readonly packed: Packed } => {
  const name = `${kernel} ${size.source} ${size.result} ${part.first} ${part.count} ${kind}`
  const known = kept.get(name)
  if (known !== undefined) return known
  const weights = weightsOf(kernel, size, part)
  const made = { ...weights, packed: pack(weights, passKinds[kind]) }
  if (made.packed.bytes.byteLength > KEPT_BYTES) return made
  kept.set(name, made)
  for (const oldest of kept.keys()) if (kept.size > KEPT) kept.delete(oldest)
  return made
}
