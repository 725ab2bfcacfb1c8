import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { dataLoader, dataset, model, type Op, type Tensor } from '../../src/index.ts'
import type { PutOptions } from '../../src/objects/model/model.ts'
import { detections, floats, ints, modelOf, putModel, startClient, told } from '../objects/model/support.ts'

type Client = Awaited<ReturnType<typeof startClient>>
const pipeline: readonly Op[] = [{ op: 'tensor', dtype: 'float32', shape: [2] }]

const samples = async (client: Client, count: number) => {
  const set = client.object(dataset, `numbers-${count}`)
  await set.put(Array.from({ length: count }, (_, i) => ({ id: `${100 + i}`, bytes: new Uint8Array(Float32Array.of(i, 10 * i).buffer) })))
  return set
}
const setUp = async (t: TestContext, count: number) => {
  const client = await startClient(t)
  const set = await samples(client, count)
  return async (file: Uint8Array, options: { readonly batchSize: number; readonly dropLast?: boolean; readonly put?: PutOptions }) => {
    const { put, ...plan } = options
    const { name } = await putModel(client, file, put)
    const batches: Readonly<Record<string, Tensor>>[] = []
    const loader = dataLoader({ dataset: set, pipeline, model: client.object(model, name), ...plan })
    for await (const batch of client.wrap(loader)) batches.push(batch.data)
    return batches
  }
}
const shapes = (batches: readonly Readonly<Record<string, Tensor>>[], name = 'y') => batches.map((batch) => batch[name]?.shape)

test('a batch of one has the shape of a batch: what has no axis for samples is stacked', async (t) => {
  const run = await setUp(t, 5)
  const file = modelOf({ inputs: { x: [1, 2] } }, (b, { x }) => ({
    y: b.op('Squeeze', [x!, b.constant(ints(0))]),
    s: b.op('ReduceSum', [x!], { keepdims: 0 }),
  }))
  const batches = await run(file, { batchSize: 2 })
  assert.deepEqual(shapes(batches), [[2, 2], [2, 2], [1, 2]]) // prettier-ignore
  assert.deepEqual(batches.map(({ s }) => told(s)?.[0]), [[2], [2], [1]]) // prettier-ignore
})

test('a fixed batch takes a last batch that is smaller, and batches of another size', async (t) => {
  const run = await setUp(t, 11)
  const file = modelOf({ inputs: { x: [4, 2] } }, (b, { x }) => ({ y: b.op('Neg', [x!]) }))
  for (const batchSize of [4, 3, 8]) {
    const batches = await run(file, { batchSize })
    assert.deepEqual(
      batches.flatMap(({ y }) => [...(y!.data as Float32Array)]),
      Array.from({ length: 11 }, (_, i) => [-i, -10 * i]).flat(),
    )
  }
})

test('a fixed batch whose samples depend on each other is refused before the first batch, with what to set', async (t) => {
  const run = await setUp(t, 11)
  const file = modelOf({ inputs: { x: [4, 2] } }, (b, { x }) => ({ y: b.op('Sub', [x!, b.op('ReduceMean', [x!], { axes: [0] })]) }))
  await assert.rejects(run(file, { batchSize: 4 }), { code: 'invalid-argument', message: /last batch has 3 of 4 samples.*set dropLast/ })
  await assert.rejects(run(file, { batchSize: 8, dropLast: true }), { code: 'invalid-argument', message: /batchSize 8.*use batchSize 4/ })
  assert.deepEqual(shapes(await run(file, { batchSize: 4, dropLast: true })), [[4, 2], [4, 2]]) // prettier-ignore
  assert.equal((await run(file, { batchSize: 4, put: { batch: { independent: true } } })).length, 3)
})

test('a recurrent net that takes time first is refused, rather than given samples for times', async (t) => {
  const run = await setUp(t, 4)
  const lstm = (sides: readonly [string | number, string | number]) =>
    modelOf({ inputs: { x: [...sides, 2] } }, (b, { x }) => {
      const weights = [b.constant(floats([1, 8, 2])), b.constant(floats([1, 8, 2]))]
      const [y] = b.ops('LSTM', [x!, ...weights], { hidden_size: 2 }, { outputs: 1 })
      return { y: b.op('Squeeze', [y!, b.constant(ints(1))]) }
    })
  for (const sides of [
    ['T', 'N'],
    [4, 'N'],
    [4, 1],
    ['N', 1],
  ] as const)
    // prettier-ignore
    await assert.rejects(run(lstm(sides), { batchSize: 4 }), { code: 'invalid-argument', message: /counts samples on axis 1 .*batch_first/ }, sides.join())
})

test('an output of which it is not known how samples are joined is named before the first batch', async (t) => {
  const run = await setUp(t, 2)
  const file = detections(false, 2)
  await assert.rejects(run(file, { batchSize: 2 }), { code: 'invalid-argument', message: /output "rows".*batch: \{ outputs/ })
  const batches = await run(file, { batchSize: 2, put: { batch: { outputs: { rows: 'rows', kept: { axis: 0, rows: 1 } } } } })
  assert.deepEqual(told(batches[0]?.['rows.counts']), [[2], [0, 2]])
  assert.deepEqual(told(batches[0]?.['kept']), [[2, 2, 2], [0, 0, 0, 0, 0, 0, 0, 1]]) // prettier-ignore
})
