import assert from 'node:assert/strict'
import { writeFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { bytesOf } from '../../src/core/tensor.ts'
import {
  type Batch,
  type BatchData,
  type Client,
  connect,
  createStorageNode,
  dataLoader,
  dataset,
  type Op,
  type StorageNode,
  Tensor,
} from '../../src/index.ts'
import { temporaryFolder } from '../support/node-process.ts'

const bytes = (data: BatchData) =>
  Object.entries(data instanceof Tensor ? { data } : data).map(
    ([name, tensor]) => `${name} ${tensor.shape.join('x')} ${Buffer.from(bytesOf(tensor)).toString('base64')}`,
  )
const shown = ({ ids, labels, epoch, index, data }: Batch<BatchData>) => ({ ids, labels, epoch, index, data: bytes(data) })

describe('a loader that goes on', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let node: StorageNode
  let client: Client
  let other: Client
  before(async () => {
    folder = await temporaryFolder()
    const files = join(folder.path, 'files')
    mkdirSync(files)
    node = await createStorageNode({ data: join(folder.path, 'node'), listen: '127.0.0.1:0', name: 'edge', adopt: [files] })
    client = await connect({ node: node.address })
    other = await connect({ node: node.address })
    const pixels = Array.from(
      { length: 23 },
      (_, row) => `${Array.from({ length: 12 }, (_, column) => (row * 12 + column) % 251).join(',')},${row % 3}`,
    )
    writeFileSync(
      join(files, 'a.csv'),
      `${Array.from({ length: 12 }, (_, column) => `p${column}`).join(',')},label\n${pixels.join('\n')}\n`,
    )
    await client.object(dataset, 'set').adopt(join(files, 'a.csv'), { label: 'label' })
    writeFileSync(join(files, 's.csv'), `g,x\n${Array.from({ length: 40 }, (_, row) => `${row % 3},${row}`).join('\n')}\n`)
    await client.object(dataset, 'series').adopt(join(files, 's.csv'), { group: 'g', columns: { g: 'string', x: 'float32' } })
  })
  after(async () => {
    await client.close()
    await other.close()
    await node.close()
    await folder[Symbol.asyncDispose]()
  })
  const rows: readonly Op[] = [
    { op: 'tensor', dtype: 'int64', shape: [12] },
    { op: 'standardize', mean: 100, std: 60 },
  ]
  const windows: readonly Op[] = [
    { op: 'tensor', dtype: 'float32', shape: [1] },
    { op: 'window', length: 4, stride: 3 },
    { op: 'pad', length: 5 },
  ]

  test('gives exactly the batches that were not yet received, to the bit, whatever was made ahead', async () => {
    const plan = fc.record({
      batchSize: fc.integer({ min: 1, max: 9 }),
      shuffle: fc.boolean(),
      dropLast: fc.boolean(),
      seed: fc.nat(99),
      prefetch: fc.nat(6),
    })
    const which = fc.constantFrom({ dataset: 'set', pipeline: rows }, { dataset: 'series', pipeline: windows })
    await fc.assert(
      fc.asyncProperty(plan, which, fc.nat(30), fc.nat(5), async (options, what, taken, prefetch) => {
        const begin = (by: Client, ahead: number) => by.wrap(dataLoader<BatchData>({ ...what, ...options, prefetch: ahead }))
        const uninterrupted: ReturnType<typeof shown>[] = []
        const whole = begin(client, options.prefetch)
        for (let epoch = 0; epoch < 3; epoch++) for await (const batch of whole) uninterrupted.push(shown(batch))
        assert.deepEqual([whole.state().epoch, whole.state().next], [3, 0])

        const first = begin(client, options.prefetch)
        const got: ReturnType<typeof shown>[] = []
        for (let epoch = 0; epoch < 3 && got.length < taken; epoch++) {
          for await (const batch of first) {
            got.push(shown(batch))
            if (got.length >= taken) break
          }
        }
        const second = begin(other, prefetch)
        second.resume(JSON.parse(JSON.stringify(first.state())))
        while (second.state().epoch < 3) for await (const batch of second) got.push(shown(batch))
        assert.deepEqual(got, uninterrupted)
      }),
      { numRuns: 40 },
    )
  })

  const options = { dataset: 'set', pipeline: rows, batchSize: 4, shuffle: true, seed: 5 } as const
  const stateAfter = async (count: number) => {
    const loader = client.wrap(dataLoader(options))
    let got = 0
    if (count > 0) for await (const _ of loader) if (++got === count) break
    return loader.state()
  }

  test('a state is small, plain JSON, and says what the loader was', async () => {
    const state = await stateAfter(2)
    assert.deepEqual(JSON.parse(JSON.stringify(state)), state)
    assert.ok(JSON.stringify(state).length < 600)
    assert.deepEqual(
      [state.epoch, state.next, state.seed, state.batchSize, state.source?.dataset, state.source?.count],
      [0, 2, 5, 4, 'set', 23],
    )
    assert.equal((await stateAfter(0)).source, null)
  })

  test('what differs from the state is named: plan, pipeline, data set', async () => {
    const state = await stateAfter(2)
    const refused = (change: object, why: RegExp) =>
      assert.throws(() => client.wrap(dataLoader({ ...options, ...change })).resume(state), { code: 'invalid-argument', message: why })
    refused({ seed: 6 }, /seed was 5 and is 6/)
    refused({ batchSize: 5 }, /batchSize was 4 and is 5/)
    refused({ shuffle: false }, /shuffle was true and is false/)
    for (const bad of [
      null,
      {},
      'x',
      { ...state, version: 2 },
      { ...state, next: -1 },
      { ...state, epoch: 0.5 },
      { ...state, source: {} },
      { ...state, source: undefined },
    ])
      assert.throws(() => client.wrap(dataLoader(options)).resume(bad as typeof state), { code: 'invalid-argument' })
    const late = async (change: object, why: RegExp) => {
      const loader = client.wrap(dataLoader({ ...options, ...change }))
      loader.resume(state)
      await assert.rejects(
        async () => {
          for await (const _ of loader) break
        },
        (error: Error) => /\[invalid-argument\]/.test(error.message) && why.test(error.message),
      )
    }
    await late({ pipeline: [rows[0]!] }, /the pipeline was/)
    await late({ split: { part: 'train', test: 0.2 } }, /they are others/)
    await client.object(dataset, 'set').put([{ id: 'new', bytes: new Uint8Array(96), label: 1 }])
    await late({}, /23 samples at version 1; "set" has 24 at version 2/)
  })

  test('a loader that nobody wrapped goes on too', async () => {
    const bare = () => dataLoader({ ...options, dataset: client.object(dataset, 'set') })
    const loader = bare()
    for await (const { index } of loader) if (index === 1) break
    const next = bare()
    next.resume(loader.state())
    for await (const { index, epoch } of next) {
      assert.deepEqual([epoch, index], [0, 2])
      break
    }
  })
})
