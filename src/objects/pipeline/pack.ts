import { toHalf } from '../../core/half.ts'
import { failure } from '../../core/errors.ts'
import { byteLengthOf, type DataOf, type DType } from '../../core/dtype.ts'
import { Tensor } from '../../core/tensor.ts'
import { outputFormat, type PipelineSpec } from './spec.ts'

/** One sample's pixels: 8-bit, rows of pixels of interleaved channels. */
export interface Pixels {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: number
}
export interface Mirror {
  readonly horizontal: boolean
  readonly vertical: boolean
}

/** What the last ops of a spec make of a pixel. */
interface Output {
  readonly dtype: 'uint8' | 'float32' | 'float64' | 'float16'
  readonly channelsFirst: boolean
  /** True where pixels go out as they came in. */
  readonly plain: boolean
  /** Value of each 8-bit level, per channel: 256 entries after each other. A pixel has but 256 levels, so all arithmetic is done once. */
  readonly levels: Uint8Array | Float32Array | Float64Array | Uint16Array
}

const arrayOf = (dtype: Output['dtype'], size: number): Output['levels'] => {
  switch (dtype) {
    case 'uint8':
      return new Uint8Array(size)
    case 'float32':
      return new Float32Array(size)
    case 'float64':
      return new Float64Array(size)
    case 'float16':
      return new Uint16Array(size)
  }
}

const at = (value: number | readonly number[] | undefined, channel: number, fallback: number): number =>
  typeof value === 'number' ? value : (value?.[channel] ?? fallback)

export const outputOf = (spec: PipelineSpec, channels: number): Output => {
  const normalize = spec.ops.find((op) => op.op === 'normalize')
  const { order, dtype } = outputFormat(spec)
  const levels = arrayOf(dtype, 256 * channels)
  for (let channel = 0; channel < channels; channel++) {
    for (let level = 0; level < 256; level++) {
      const value =
        normalize === undefined
          ? level
          : (level * (normalize.scale ?? 1 / 255) - at(normalize.mean, channel, 0)) / at(normalize.std, channel, 1)
      levels[channel * 256 + level] = dtype === 'float16' ? toHalf(value) : value
    }
  }
  return { dtype, channelsFirst: order === 'NCHW', plain: dtype === 'uint8' && order === 'NHWC', levels }
}

/** Gathers samples of one size into a batch, in one pass over each: mirrored, normalized and laid out on the way. */
export class BatchPacker {
  readonly #spec: PipelineSpec
  readonly #count: number
  readonly #reserve: (bytes: number) => void
  #first: { readonly shape: Pixels; readonly id: string; readonly output: Output } | undefined
  #data: Output['levels'] | undefined

  /** @param reserve called before the batch is allocated; may refuse */
  constructor(spec: PipelineSpec, count: number, reserve: (bytes: number) => void = () => undefined) {
    this.#spec = spec
    this.#count = count
    this.#reserve = reserve
  }

  /** @throws `bad-sample` where the sample has another size than the first */
  add(index: number, id: string, pixels: Pixels, mirror: Mirror): void {
    const { width, height, channels, data } = pixels
    this.#first ??= { shape: { ...pixels, data: new Uint8Array() }, id, output: outputOf(this.#spec, channels) }
    const { shape, output } = this.#first
    if (shape.width !== width || shape.height !== height || shape.channels !== channels) {
      throw failure(
        'bad-sample',
        `sample "${id}" is ${width} x ${height} x ${channels}, sample "${this.#first.id}" of the same batch ${shape.width} x ${shape.height} x ${shape.channels}: end the pipeline with a resize or crop`,
      )
    }
    const size = width * height * channels
    if (this.#data === undefined) {
      if (size * this.#count > 2 ** 31)
        throw failure('too-large', `a batch of ${this.#count} x ${height} x ${width} x ${channels} values: make it smaller`)
      this.#reserve(byteLengthOf(output.dtype, size * this.#count))
      this.#data = arrayOf(output.dtype, size * this.#count)
    }
    const out = this.#data
    if (output.plain && !mirror.horizontal && !mirror.vertical) {
      out.set(data.subarray(0, size), index * size)
      return
    }
    const { levels, channelsFirst } = output
    const base = index * size
    const plane = width * height
    for (let row = 0; row < height; row++) {
      const from = (mirror.vertical ? height - 1 - row : row) * width
      for (let column = 0; column < width; column++) {
        const source = (from + (mirror.horizontal ? width - 1 - column : column)) * channels
        const pixel = row * width + column
        for (let channel = 0; channel < channels; channel++) {
          out[base + (channelsFirst ? channel * plane + pixel : pixel * channels + channel)] =
            levels[channel * 256 + data[source + channel]!]!
        }
      }
    }
  }

  tensor(): Tensor {
    if (this.#first === undefined || this.#data === undefined) throw failure('invalid-argument', 'a batch of no samples')
    const { shape, output } = this.#first
    const sides = output.channelsFirst ? [shape.channels, shape.height, shape.width] : [shape.height, shape.width, shape.channels]
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the array was made for this dtype, and the constructor checks it
    return new Tensor<DType>(output.dtype, this.#data as DataOf<DType>, [this.#count, ...sides])
  }
}
