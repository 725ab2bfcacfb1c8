import type { kernels } from '../ops.ts'

/** Kernels that weigh pixels; `nearest` picks one. */
export type FilterName = Exclude<(typeof kernels)[number], 'nearest'>

/** A kernel: its weight at a distance in pixels of the result, and the distance at which it ends. */
interface Filter {
  readonly support: number
  readonly weight: (x: number) => number
}

/**
 * sin(pi x) by its series. `Math.sin` may differ in its last bit between runtimes; sums and products of float64 cannot,
 * so the weights are the same everywhere.
 */
const sinPi = (x: number): number => {
  const whole = Math.round(x)
  const angle = Math.PI * (x - whole)
  const square = angle * angle
  let term = angle
  let sum = angle
  for (let n = 2; n <= 20; n += 2) {
    term *= -square / (n * (n + 1))
    sum += term
  }
  return whole % 2 === 0 ? sum : -sum
}
const sinc = (x: number): number => (x === 0 ? 1 : sinPi(x) / (Math.PI * x))
const lanczos = (lobes: number): Filter => ({
  support: lobes,
  weight: (x) => (x >= -lobes && x < lobes ? sinc(x) * sinc(x / lobes) : 0),
})

export const filters: Readonly<Record<FilterName, Filter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  linear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * sinPi(Math.abs(x) + 0.5)) : 0),
  },
  // Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.5.
  cubic: {
    support: 2,
    weight(at) {
      const x = Math.abs(at)
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0
    },
  },
  // Mitchell and Netravali, "Reconstruction filters in computer graphics", 1988, with B = C = 1/3.
  mitchell: {
    support: 2,
    weight(at) {
      const x = Math.abs(at)
      if (x < 1) return ((7 * x - 12) * x * x + 16 / 3) / 6
      return x < 2 ? (((-7 / 3) * x + 12) * x * x - 20 * x + 32 / 3) / 6 : 0
    },
  },
  lanczos2: lanczos(2),
  lanczos3: lanczos(3),
}
