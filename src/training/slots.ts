import type { TypedTensor } from 'onnxruntime-node'
import { Tensor } from '../core/tensor.ts'

type Floats = TypedTensor<'float32'>
/** Makes a tensor that onnxruntime reads and writes where it lies. */
export type MakeTensor = (data: Float32Array, shape: readonly number[]) => Floats

/**
 * A float32 tensor that runs read and change: where it lies, or, where a run still reads it, in a second buffer, which
 * takes its place once the run is known to be good.
 */
export class Slot {
  readonly #make: MakeTensor
  #current: Floats
  #spare: Floats | undefined

  constructor(make: MakeTensor, shape: readonly number[], data?: Float32Array) {
    this.#make = make
    const own = new Float32Array(shape.reduce((product, side) => product * side, 1))
    if (data !== undefined) own.set(data)
    this.#current = make(own, shape)
  }
  get current(): Floats {
    return this.#current
  }
  get spare(): Floats {
    return (this.#spare ??= this.#make(new Float32Array(this.#current.size), this.#current.dims))
  }
  get data(): Float32Array<ArrayBuffer> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made above, and not shared
    return this.#current.data as Float32Array<ArrayBuffer>
  }
  swap(): void {
    const { spare } = this
    this.#spare = this.#current
    this.#current = spare
  }
  /** What it holds, until the next run. */
  get tensor(): Tensor<'float32'> {
    return new Tensor('float32', this.data, this.#current.dims)
  }
}
