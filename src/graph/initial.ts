import { opDraws } from '../core/random.ts'
import { Tensor } from '../core/tensor.ts'

/** Numbers that a tensor of one value each is filled with, by the seed and its name alone: in any order, on any machine. */
const drawn = (seed: number, name: string, shape: readonly number[], next: (uniform: () => number) => number): Tensor<'float32'> => {
  const draws = opDraws(seed, 0, name, 0)
  const size = shape.reduce((product, side) => product * side, 1)
  return new Tensor(
    'float32',
    Float32Array.from({ length: size }, () => next(() => draws.uniform())),
    shape,
  )
}

/** Uniform in [-bound, bound). */
export const uniform = (seed: number, name: string, shape: readonly number[], bound: number): Tensor<'float32'> =>
  drawn(seed, name, shape, (next) => (2 * next() - 1) * bound)

/** Nearly normal: the sum of twelve uniform numbers, since Math.log and Math.cos may differ in their last bit between engines. */
export const normal = (seed: number, name: string, shape: readonly number[], deviation = 1): Tensor<'float32'> =>
  drawn(seed, name, shape, (next) => {
    let sum = -6
    for (let i = 0; i < 12; i++) sum += next()
    return sum * deviation
  })

export const filled = (shape: readonly number[], value: number): Tensor<'float32'> =>
  new Tensor('float32', new Float32Array(shape.reduce((product, side) => product * side, 1)).fill(value), shape)

/** Xavier's bound: as much variance forward as backward. */
export const xavierBound = (fanIn: number, fanOut: number): number => Math.sqrt(6 / (fanIn + fanOut))
