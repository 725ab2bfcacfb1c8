import { readFileSync } from 'node:fs'
import { Tensor } from '../../../src/core/tensor.ts'
import type { Loss } from '../../../src/training/loss.ts'
import type { Optimizer } from '../../../src/training/optimizer.ts'
import type { ParameterGroup } from '../../../src/training/prepare.ts'
import type { Schedule } from '../../../src/training/schedule.ts'

interface Plain {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** What PyTorch came to: see make.py. */
export interface Golden {
  readonly losses: readonly {
    readonly name: string
    readonly options: Loss
    readonly logits: Plain
    readonly target: Plain
    readonly loss: number
    readonly gradient: Plain
  }[]
  readonly problem: { readonly rate: number } & Readonly<Record<'w' | 'b' | 'x' | 'y', Plain>>
  readonly optimizers: readonly {
    readonly name: string
    readonly optimizer: Optimizer
    readonly clipNorm?: number
    readonly groups?: readonly ParameterGroup[]
    readonly losses: readonly number[]
    readonly norms?: readonly number[]
    readonly w: Plain
    readonly b: Plain
  }[]
  readonly schedules: readonly { readonly name: string; readonly options: Schedule; readonly rates: readonly number[] }[]
}

export const golden = JSON.parse(readFileSync(new URL('pytorch.json', import.meta.url), 'utf8')) as Golden

export const floats = ({ shape, data }: Plain): Tensor<'float32'> => new Tensor('float32', Float32Array.from(data), shape)
export const wholes = ({ shape, data }: Plain): Tensor<'int64'> => new Tensor('int64', BigInt64Array.from(data, BigInt), shape)

/** The distance of two vectors, as a share of the length of the one that is right. */
export const apart = (given: ArrayLike<number>, right: ArrayLike<number>): number => {
  let [difference, length] = [0, 0]
  for (const [i, value] of Array.from(right).entries()) {
    difference += ((given[i] ?? Number.NaN) - value) ** 2
    length += value ** 2
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(length), Number.MIN_VALUE)
}
