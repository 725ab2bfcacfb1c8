/**
 * A slow resize in float64, written for the tests alone: the kernel as wide as the reduction, half-pixel centres, weights
 * that add up to 1, each pass rounded to 8 bits.
 */
export interface Image {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: number
}
type Kernel = (x: number) => number

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x))
/** B-splines and cardinal splines by their two parameters. */
const cubic = (b: number, c: number): Kernel => {
  return (at) => {
    const x = Math.abs(at)
    if (x < 1) return ((12 - 9 * b - 6 * c) * x ** 3 + (-18 + 12 * b + 6 * c) * x ** 2 + 6 - 2 * b) / 6
    if (x < 2) return ((-b - 6 * c) * x ** 3 + (6 * b + 30 * c) * x ** 2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c) / 6
    return 0
  }
}
const windowed = (lobes: number): Kernel => {
  return (x) => (Math.abs(x) < lobes ? sinc(x) * sinc(x / lobes) : 0)
}
export const referenceKernels: Readonly<Record<string, readonly [support: number, kernel: Kernel]>> = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  linear: [1, (x) => 1 - Math.min(1, Math.abs(x))],
  hamming: [1, (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0)],
  cubic: [2, cubic(0, 0.5)],
  mitchell: [2, cubic(1 / 3, 1 / 3)],
  lanczos2: [2, windowed(2)],
  lanczos3: [3, windowed(3)],
}

const pass = ({ data, width, height, channels }: Image, axis: 'across' | 'down', result: number, name: string): Image => {
  const length = axis === 'across' ? width : height
  if (length === result) return { data, width, height, channels }
  const [support, kernel] = referenceKernels[name]!
  const scale = length / result
  const reach = support * Math.max(1, scale)
  const out = { width: axis === 'across' ? result : width, height: axis === 'down' ? result : height, channels }
  const made = new Uint8Array(out.width * out.height * channels)
  for (let index = 0; index < result; index++) {
    const centre = (index + 0.5) * scale
    const first = Math.max(0, Math.floor(centre - reach + 0.5))
    const end = Math.min(length, Math.floor(centre + reach + 0.5))
    const weights = Array.from({ length: end - first }, (_, tap) => kernel((first + tap + 0.5 - centre) / Math.max(1, scale)))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    for (let line = 0; line < (axis === 'across' ? height : width); line++) {
      for (let channel = 0; channel < channels; channel++) {
        let value = 0
        for (const [tap, weight] of weights.entries()) {
          const [x, y] = axis === 'across' ? [first + tap, line] : [line, first + tap]
          value += (data[(y * width + x) * channels + channel]! * weight) / sum
        }
        const [x, y] = axis === 'across' ? [index, line] : [line, index]
        made[(y * out.width + x) * channels + channel] = Math.max(0, Math.min(255, Math.floor(value + 0.5)))
      }
    }
  }
  return { data: made, ...out }
}

/** The whole image at another size. Rows first, but where the height shrinks by over twice as many pixels as the width. */
export const referenceResize = (image: Image, width: number, height: number, kernel: string): Image => {
  if (kernel === 'nearest') {
    const data = new Uint8Array(width * height * image.channels)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = Math.floor(((y + 0.5) * image.height) / height) * image.width + Math.floor(((x + 0.5) * image.width) / width)
        for (let c = 0; c < image.channels; c++) data[(y * width + x) * image.channels + c] = image.data[from * image.channels + c]!
      }
    }
    return { data, width, height, channels: image.channels }
  }
  const lost = { across: image.width - width, down: image.height - height }
  return lost.down > 0 && lost.down > 2 * lost.across
    ? pass(pass(image, 'down', height, kernel), 'across', width, kernel)
    : pass(pass(image, 'across', width, kernel), 'down', height, kernel)
}

export const referenceCrop = (
  { data, width, channels }: Image,
  left: number,
  top: number,
  size: { width: number; height: number },
): Image => {
  const out = new Uint8Array(size.width * size.height * channels)
  for (let row = 0; row < size.height; row++) {
    const from = ((top + row) * width + left) * channels
    out.set(data.subarray(from, from + size.width * channels), row * size.width * channels)
  }
  return { data: out, ...size, channels }
}

/** Levels that two images differ by at most. */
export const farthest = (a: Uint8Array, b: Uint8Array): number => {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let most = 0
  for (let at = 0; at < a.length; at++) most = Math.max(most, Math.abs(a[at]! - b[at]!))
  return most
}
