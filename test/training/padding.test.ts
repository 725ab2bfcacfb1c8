import assert from 'node:assert/strict'
import { test } from 'node:test'
import ort from 'onnxruntime-node'
import { Tensor } from '../../src/core/tensor.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { scalarsOf } from '../../src/training/optimizer.ts'
import { prepare, type TrainOptions } from '../../src/training/prepare.ts'
import { Runner } from '../../src/training/runner.ts'

const sgd = { kind: 'sgd' } as const
const weights = () =>
  new Tensor(
    'float32',
    Float32Array.from({ length: 12 }, (_, i) => Math.sin(i * i + 1)),
    [4, 3],
  )

/** Rows of a table by number; with `tied`, times the table itself. */
const trained = async ({ tied }: { readonly tied: boolean }, paddingRows?: TrainOptions['paddingRows']) => {
  const b = new GraphBuilder()
  const table = b.initializer('emb.weight', weights())
  const rows = b.op('Gather', [table, b.input('ids', 'int64', ['N', 2])], { axis: 0 })
  b.output(tied ? b.op('MatMul', [rows, b.op('Transpose', [table], { perm: [1, 0] })]) : rows, 'y')
  const options = { loss: { kind: 'mse' }, optimizer: sgd, ...(paddingRows !== undefined && { paddingRows }) } as const
  const runner = new Runner(ort, prepare(b.build(), options), { threads: 1, seed: 0 })
  const ids = new Tensor('int64', BigInt64Array.of(2n, 1n, 2n, 3n), [2, 2])
  const labels = new Tensor('float32', new Float32Array(2 * 2 * (tied ? 4 : 3)), [2, 2, tied ? 4 : 3])
  await runner.step({ ids, labels }, scalarsOf(sgd, 1, 0.5), 1)
  const after = runner.state().get('emb.weight')?.data.slice() ?? []
  await runner.close()
  return Array.from({ length: 4 }, (_, row) => [0, 1, 2].some((i) => after[row * 3 + i] !== weights().data[row * 3 + i]))
}

test('a row that stands for padding stays, and the others move as without', async () => {
  assert.deepEqual(await trained({ tied: false }), [false, true, true, true])
  assert.deepEqual(await trained({ tied: false }, { 'emb.weight': 2 }), [false, true, false, true])
})

test('what shares the table still moves its padding row', async () => {
  assert.deepEqual(await trained({ tied: true }, { 'emb.weight': 2 }), [true, true, true, true])
})
