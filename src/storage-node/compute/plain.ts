import type { DataOf, DType } from '../../core/dtype.ts'
import { Tensor } from '../../core/tensor.ts'
import type { PlainTensor } from './task.ts'

/** Tensors between threads, by name. */
export type PlainTensors = Readonly<Record<string, PlainTensor>>

export const tensorOf = ({ dtype, data, shape }: PlainTensor): Tensor =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the constructor checks dtype, array and shape against each other
  new Tensor<DType>(dtype, data as DataOf<DType>, shape)

export const tensorsOf = (plain: PlainTensors = {}): ReadonlyMap<string, Tensor> =>
  new Map(Object.entries(plain).map(([name, tensor]) => [name, tensorOf(tensor)]))

export const plainOf = (all: Iterable<readonly [string, Tensor]>): PlainTensors =>
  Object.fromEntries([...all].map(([name, { dtype, data, shape }]) => [name, { dtype, data, shape }]))
