import type { Tensor } from './tensor.ts'

/** What a loader yields: N samples, in the epoch's order. */
export interface Batch<Data = BatchData> {
  /** Sample ids, N of them, in the order of the first axis of `data`. */
  readonly ids: readonly string[]
  /** One tensor [N, ...], or a model's named outputs. */
  readonly data: Data
  /** Class or target of each sample, where the data set has them. */
  readonly labels?: readonly (string | number)[]
  readonly epoch: number
  /** Position of the batch in its epoch, from 0. */
  readonly index: number
}

export type BatchData = Tensor | Readonly<Record<string, Tensor>>
