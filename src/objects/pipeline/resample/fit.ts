import type { Op } from '../ops.ts'
import type { Box, Size } from './resample.ts'

type Resize = Extract<Op, { op: 'resize' }>

/** To the nearest whole number, halves to the even one. */
const rounded = (value: number): number => {
  const below = Math.floor(value)
  if (value - below !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

/** What a resize does to an image of a size. */
export interface Fitted {
  /** Of the whole image, resized. */
  readonly size: Size
  /** The part of it that is taken. */
  readonly window: Box
  /** Where it lies in the result, for `contain`; the rest is background. */
  readonly place: { readonly left: number; readonly top: number } | undefined
}

/**
 * The geometry of each fit. `cover`, `contain` and `inside` keep the ratio of the sides: one side is that of the op, the
 * other is round(its own / the one's own * the one's new), halves to even, at least 1. `cover` takes the middle,
 * beginning at floor(spare / 2); `contain` puts it at round(spare / 2), halves to even.
 */
export const fitted = (source: Size, { width, height, fit = 'fill' }: Resize): Fitted => {
  const wider = source.width / source.height > width / height
  const byWidth = fit === 'cover' ? !wider : wider
  const equal = source.width / source.height === width / height
  const size =
    fit === 'fill' || equal
      ? { width, height }
      : byWidth
        ? { width, height: Math.max(1, rounded((source.height / source.width) * width)) }
        : { width: Math.max(1, rounded((source.width / source.height) * height)), height }
  const whole = { left: 0, top: 0, ...size }
  switch (fit) {
    case 'fill':
    case 'inside':
      return { size, window: whole, place: undefined }
    case 'cover':
      return {
        size,
        window: { left: Math.floor((size.width - width) / 2), top: Math.floor((size.height - height) / 2), width, height },
        place: undefined,
      }
    case 'contain':
      return { size, window: whole, place: { left: rounded((width - size.width) / 2), top: rounded((height - size.height) / 2) } }
  }
}
