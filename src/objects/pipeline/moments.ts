import { failure } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'
import { elementValue } from './cast.ts'

/** Means and variances in one pass (Welford), for each place along one axis. */
export const createMoments = () => {
  let count = 0
  let mean = new Float64Array()
  let squares = new Float64Array()
  return {
    /** Takes the values in the tensor's own order. @param axis whose places are measured apart */
    add(tensor: Tensor, axis: number) {
      const width = tensor.shape[axis] ?? 1
      if (count === 0) [mean, squares] = [new Float64Array(width), new Float64Array(width)]
      if (mean.length !== width || tensor.dtype === 'string')
        throw failure('invalid-argument', `samples of ${width} places beside others of ${mean.length}`)
      const inner = tensor.shape.slice(axis + 1).reduce((product, side) => product * side, 1)
      const rows = tensor.size / width
      const { data } = tensor
      const valueOf = elementValue(tensor.dtype)
      for (let row = 0; row < rows; row++) {
        count++
        const base = Math.floor(row / inner) * width * inner + (row % inner)
        for (let place = 0; place < width; place++) {
          const element = data[base + place * inner]!
          const value = Number(typeof element === 'string' ? element : valueOf(element))
          const delta = value - mean[place]!
          mean[place]! += delta / count
          squares[place]! += delta * (value - mean[place]!)
        }
      }
    },
    /** A place that never changes has a deviation of 1, so that it can be divided by. */
    result: () => ({ count, mean: [...mean], std: Array.from(squares, (sum) => Math.sqrt(sum / Math.max(1, count)) || 1) }),
  }
}
