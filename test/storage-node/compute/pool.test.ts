import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Tensor } from '../../../src/core/tensor.ts'
import { computeKinds, type ComputeOptions, createCompute } from '../../../src/storage-node/compute/pool.ts'
import { temporaryFolder } from '../support.ts'
import { addsFromFile, atPath, face, identityModel, opener, shared, source, text } from './models.ts'

const live = new AbortController().signal
const picture = (side: number) =>
  new Tensor(
    'float32',
    Float32Array.from({ length: 3 * side * side }, (_, i) => ((i * 7919) % 251) / 251),
    [1, 3, side, side],
  )

// Both ways of keeping compute apart hold the same contract.
for (const kind of computeKinds) {
  const start = (t: TestContext, options: Partial<ComputeOptions> = {}) => {
    const compute = createCompute({ threads: 1, kind, openModel: opener({ f: atPath(face), e: atPath(text) }), ...options })
    t.after(() => compute.close())
    return compute
  }

  test(`a real model is described and run, by path and from shared memory, with the same bits (${kind})`, async (t) => {
    const compute = start(t, { openModel: opener({ f: atPath(face), a: shared(readFileSync(face)) }) })
    assert.equal(compute.stats().workers, 0)
    const { inputs, outputs } = await compute.inspect(source('f'), live)
    assert.deepEqual(inputs, [{ name: 'input:0', dtype: 'float32', shape: [1, 256, 256, 3] }])
    assert.equal(outputs.length, 4)
    const feeds = { 'input:0': new Tensor('float32', picture(256).data, [1, 256, 256, 3]) }
    const byPath = await compute.run(source('f'), feeds, live)
    assert.deepEqual(byPath['Identity_2:0']?.shape, [1, 512, 16])
    assert.deepEqual(await compute.run(source('a'), feeds, live), byPath)
    assert.equal(compute.stats().workers, 1)
  })

  test(`onnxruntime is never loaded in the main thread (${kind})`, async (t) => {
    await start(t).inspect(source('f'), live)
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('onnxruntime'))
    assert.deepEqual(loaded, [])
  })

  test(`two workers give the bits that one gives (${kind})`, async (t) => {
    const runs = async (threads: number) => {
      const compute = start(t, { threads })
      return Promise.all([64, 96, 128, 64].map((side) => compute.run(source('e'), { x: picture(side) }, live)))
    }
    assert.deepEqual(await runs(2), await runs(1))
  })

  test(`tensors of every kind come back as they went (${kind})`, async (t) => {
    const tensors = [
      new Tensor('float32', new Float32Array([-0, Number.NaN, 1e-42]), [3]),
      new Tensor('float16', new Uint16Array([0x3c00, 0x7bff, 0x8000]), [3]),
      new Tensor('float64', new Float64Array([Math.PI, -0, Infinity]), [3]),
      new Tensor('int64', new BigInt64Array([-1n, 2n ** 62n, 0n]), [3]),
      new Tensor('uint8', new Uint8Array([0, 128, 255]), [3]),
      new Tensor('bool', new Uint8Array([1, 0, 1]), [3]),
      new Tensor('string', ['', 'zwölf', '\u{1f600}'], [3]),
      new Tensor('int32', new Int32Array([-1, 0, 2 ** 31 - 1]), [3]),
    ]
    const compute = start(t, { openModel: opener({ a: shared(identityModel([1, 10, 11, 7, 2, 9, 8, 6])), b: shared(identityModel([1])) }) })
    const feeds = Object.fromEntries(tensors.map((tensor, i) => [`in${i}`, tensor]))
    // All share one n, so the empty one gets a model of its own.
    const outputs = await compute.run(source('a'), feeds, live)
    for (const [i, tensor] of tensors.entries()) assert.deepEqual(outputs[`out${i}`], tensor, tensor.dtype)
    const none = new Tensor('float32', new Float32Array(0), [0])
    assert.deepEqual((await compute.run(source('b'), { in0: none }, live))['out0'], none)
  })

  test(`a view into a larger or shared buffer is sent alone (${kind})`, async (t) => {
    const compute = start(t, { openModel: opener({ a: shared(identityModel([1])) }) })
    const large = Float32Array.from({ length: 1024 }, (_, i) => i).subarray(100, 103)
    const sharing: Float32Array = new Float32Array(new SharedArrayBuffer(64)).fill(7, 2).subarray(2, 5)
    for (const data of [large, sharing]) {
      const { out0 } = await compute.run(source('a'), { in0: new Tensor('float32', data as Float32Array<ArrayBuffer>, [3]) }, live)
      assert.deepEqual([...(out0?.data ?? [])], [...data])
    }
  })

  test(`feeds that do not fit are refused with the input, what it needs and what it was given (${kind})`, async (t) => {
    const compute = start(t)
    const ran = (feeds: Record<string, Tensor>) => compute.run(source('e'), feeds, live)
    const wrong = (message: RegExp) => ({ code: 'tensor-mismatch', message })
    await assert.rejects(ran({}), wrong(/"x" is missing.*float32 \[.*3/))
    await assert.rejects(ran({ x: picture(64), y: picture(64) }), wrong(/no input "y"; it has x/))
    await assert.rejects(
      ran({ x: new Tensor('uint8', new Uint8Array(12), [1, 3, 2, 2]) }),
      wrong(/"x" needs float32.*given uint8 \[1, 3, 2, 2\]/),
    )
    await assert.rejects(ran({ x: new Tensor('float32', new Float32Array(12), [3, 2, 2]) }), wrong(/"x" needs/))
    await assert.rejects(ran({ x: new Tensor('float32', new Float32Array(4), [1, 1, 2, 2]) }), wrong(/given float32 \[1, 1, 2, 2\]/))
    assert.equal(compute.stats().workers, 1, 'no worker died of it')
  })

  test(`what is no model is bad-model (${kind})`, async (t) => {
    const compute = start(t, {
      openModel: opener({ a: shared(Buffer.from('no model')), b: shared(readFileSync(face).subarray(0, 300_000)) }),
    })
    for (const digit of ['a', 'b'])
      await assert.rejects(compute.inspect(source(digit), live), { code: 'bad-model', message: /onnxruntime cannot load/ })
  })

  test(`external data comes from what was given, and never from another file beside the model (${kind})`, async (t) => {
    const folder = temporaryFolder(t)
    const weights = Buffer.from(new Float32Array([1, 2, 3, 4]).buffer)
    writeFileSync(join(folder, 'weights'), weights)
    writeFileSync(join(folder, 'model'), addsFromFile('weights'))
    const given = { ...atPath(join(folder, 'model')), external: [{ location: 'weights', file: join(folder, 'weights') }] }
    const compute = start(t, { openModel: opener({ a: given, b: atPath(join(folder, 'model')) }) })
    const { y } = await compute.run(source('a'), { x: new Tensor('float32', new Float32Array(4), [4]) }, live)
    assert.deepEqual([...(y?.data ?? [])], [1, 2, 3, 4])
    await assert.rejects(compute.inspect(source('b'), live), { code: 'bad-model', message: /weights/ })
  })
}
