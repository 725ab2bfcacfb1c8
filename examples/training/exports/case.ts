import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tensor } from '../../../src/core/tensor.ts'

/** A file that a way of exporting made, or why there is none. */
export interface ExportedFile {
  readonly file?: string
  /** The same with Identity for Dropout: what losses are compared by, since masks are drawn otherwise in PyTorch. */
  readonly compared?: string
  /** What the exporter of this package warned about. */
  readonly warnings?: readonly string[]
  /** The initializer of each parameter that the file still has. */
  readonly places?: Readonly<Record<string, string>>
  readonly dropouts?: number
  /** An error of the package's own exporter. */
  readonly refused?: string
  /** An error of another exporter. */
  readonly failed?: string
}

interface Placed {
  readonly dtype: 'float32' | 'int64'
  readonly shape: readonly number[]
  readonly offset: number
}

/** A network, its exports, and what PyTorch's training of it gives: case.json of make.py. */
export interface Description {
  readonly name: string
  readonly about: string
  readonly framework: string
  readonly loss: 'cross-entropy' | 'mse' | 'binary-cross-entropy'
  /** The model's output that the loss takes, where it has several. */
  readonly output?: string
  readonly batches: readonly { readonly x: Placed; readonly target: Placed }[]
  /** Losses of 20 steps by optimizer: float32 with one thread, with two, and float64. */
  readonly references: Readonly<Record<'sgd' | 'adam', readonly (readonly number[])[]>>
  /** Parameters that PyTorch trains. */
  readonly trained: readonly string[]
  readonly dropouts: number
  readonly files: Readonly<Record<string, ExportedFile>>
}

export interface Case extends Omit<Description, 'batches'> {
  readonly batches: readonly Readonly<Record<'x' | 'target', Tensor>>[]
  bytes(file: string): Uint8Array
}

export const readCase = (folder: string): Case => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the scripts beside this file write it so
  const description = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Description
  const { buffer } = Uint8Array.from(readFileSync(join(folder, 'tensors.bin')))
  const tensor = ({ dtype, shape, offset }: Placed): Tensor => {
    const size = shape.reduce((product, side) => product * side, 1)
    // A copy: the offset of an array need not fit its elements.
    const bytes = buffer.slice(offset, offset + size * (dtype === 'float32' ? 4 : 8))
    return dtype === 'float32'
      ? new Tensor('float32', new Float32Array(bytes), shape)
      : new Tensor('int64', new BigInt64Array(bytes), shape)
  }
  return {
    ...description,
    batches: description.batches.map(({ x, target }) => ({ x: tensor(x), target: tensor(target) })),
    bytes: (file) => Uint8Array.from(readFileSync(join(folder, file))),
  }
}
