import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTensor } from '../../src/graph/tensor-proto.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import type { Tensor } from '../../src/core/tensor.ts'

/** Where Debian's package libonnx-testdata keeps its models, each with inputs and outputs. */
export const vectorFolder = process.env['ONNX_TESTDATA'] ?? '/usr/share/libonnx-testdata/data'
export const vectorsAbsent = existsSync(join(vectorFolder, 'node'))
  ? undefined
  : `libonnx-testdata is absent: install Debian's package, or name its folder "data" in ONNX_TESTDATA`

export interface Vector {
  readonly name: string
  readonly file: Uint8Array
  /** Inputs and outputs in order; undefined where one is no tensor of ours. */
  readonly sets: readonly { readonly inputs: readonly Tensor[]; readonly outputs: readonly Tensor[] }[]
}

const tensorsIn = (folder: string, kind: string): readonly Tensor[] =>
  readdirSync(folder)
    .filter((file) => file.startsWith(`${kind}_`))
    .toSorted((a, b) => Number(a.match(/\d+/)?.[0]) - Number(b.match(/\d+/)?.[0]))
    .map((file) => readTensor(readFileSync(join(folder, file)), {}).tensor)

/** All models of one kind (`node`, `simple`, `pytorch-operator`, `pytorch-converted`) whose values are tensors of ours. */
export function* vectors(kind: string): Generator<Vector> {
  for (const name of readdirSync(join(vectorFolder, kind)).toSorted()) {
    const folder = join(vectorFolder, kind, name)
    if (!existsSync(join(folder, 'model.onnx'))) continue
    try {
      const sets = readdirSync(folder)
        .filter((set) => set.startsWith('test_data_set'))
        .map((set) => ({ inputs: tensorsIn(join(folder, set), 'input'), outputs: tensorsIn(join(folder, set), 'output') }))
      yield { name, file: readFileSync(join(folder, 'model.onnx')), sets }
    } catch (error) {
      // Sequences, optionals and 16-bit brain floats are not ours.
      if (!isActiveStorageError(error)) throw error
    }
  }
}
