import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GraphBuilder, Value } from '../../../src/graph/builder.ts'
import { model, Tensor } from '../../../src/index.ts'
import { bitsOf } from '../../graph/run.ts'
import { detections, floats, ints, modelOf, putModel, startClient, told } from './support.ts'

const meanRemoved = (b: GraphBuilder, x: Value) => b.op('Sub', [x, b.op('ReduceMean', [x], { axes: [0] })])

test('an open batch is run whole, whatever the first side of another input or output is', async (t) => {
  const client = await startClient(t)
  const scaled = await putModel(client, modelOf({ inputs: { x: ['N', 3], s: [1], a: [2, 1, 3] } }, (b, { x, s, a }) => ({ y: b.op('Mul', [x!, s!]), z: b.op('Add', [x!, a!]), t: b.constant(floats([1], [7])) }))) // prettier-ignore
  assert.equal(scaled.handle.mode, 'batch')
  const outputs = await scaled.run({ x: floats([2, 3]), s: floats([1], [10]), a: floats([2, 1, 3], [0, 0, 0, 1, 1, 1]) })
  assert.deepEqual(told(outputs['y']), [[2, 3], [0, 10, 20, 30, 40, 50]]) // prettier-ignore
  assert.deepEqual(told(outputs['z']), [[2, 2, 3], [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6]]) // prettier-ignore
  assert.deepEqual(told(outputs['t']), [[1], [7]])

  const mean = await putModel(
    client,
    modelOf({ inputs: { x: ['N', 2] } }, (b, { x }) => ({ y: meanRemoved(b, x!) })),
  )
  assert.deepEqual(told((await mean.run({ x: floats([3, 2]) }))['y']), [[3, 2], [-2, -2, 0, 0, 2, 2]]) // prettier-ignore
  assert.match(mean.handle.warnings?.[0] ?? '', /output "y": node ReduceMean \(ReduceMean\) computes across the samples/)
})

test('one sample a run: an input of one run is the same for all, one of a row a sample is cut', async (t) => {
  const client = await startClient(t)
  const scaled = await putModel(
    client,
    modelOf({ inputs: { x: [1, 3], s: [1] } }, (b, { x, s }) => ({ y: b.op('Mul', [x!, s!]) })),
  )
  assert.equal(scaled.handle.mode, 'loop')
  const x = floats([2, 3])
  assert.deepEqual(told((await scaled.run({ x, s: floats([1], [10]) }))['y']), [[2, 3], [0, 10, 20, 30, 40, 50]]) // prettier-ignore
  assert.deepEqual(told((await scaled.run({ x, s: floats([2], [10, 1]) }))['y']), [[2, 3], [0, 10, 20, 3, 4, 5]]) // prettier-ignore
  await assert.rejects(scaled.run({ x, s: floats([3]) }), { code: 'tensor-mismatch', message: /"s" has 3 samples.*batch: \{ inputs/ })
  await assert.rejects(scaled.run({ x: floats([2, 4]), s: floats([1]) }), {
    code: 'tensor-mismatch',
    message: /"x" needs float32 \[1, 3\].*given float32 \[2, 4\]/,
  })
})

test('one sample a run: outputs are joined where they hold the sample, stacked where they do not, given once where all are the same', async (t) => {
  const client = await startClient(t)
  const { run } = await putModel(client, modelOf({ inputs: { x: [1, 3], a: [2, 1, 3] } }, (b, { x, a }) => ({ second: b.op('Add', [x!, a!]), none: b.op('Squeeze', [x!, b.constant(ints(0))]), total: b.op('ReduceSum', [x!], { keepdims: 0 }), same: b.constant(floats([1], [7])) }))) // prettier-ignore
  const a = floats([2, 1, 3], [0, 0, 0, 1, 1, 1])
  const two = await run({ x: floats([2, 3]), a })
  assert.deepEqual(told(two['second']), [[2, 2, 3], [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6]]) // prettier-ignore
  assert.deepEqual(told(two['none']), [[2, 3], [0, 1, 2, 3, 4, 5]]) // prettier-ignore
  assert.deepEqual(told(two['total']), [[2], [3, 12]])
  assert.deepEqual(told(two['same']), [[1], [7]])
  const one = await run({ x: floats([1, 3]), a })
  assert.deepEqual(told(one['none']), [[3], [0, 1, 2]], 'as the model gives it')
  assert.deepEqual(told(one['second']), [[2, 1, 3], [0, 1, 2, 1, 2, 3]]) // prettier-ignore
})

test('rows whose number depends on the data keep their rank, and are counted by sample', async (t) => {
  const client = await startClient(t)
  const { run, handle } = await putModel(client, detections(true))
  assert.deepEqual(handle.batch?.outputs, { rows: { join: 'rows' }, kept: { join: 'axis', axis: 0, rows: 1 } })
  const batches = {
    'one sample': [[1, 0, 0, 1]],
    'as many in each': [[1, 0, 0, 0], [0, 0, 1, 0]], // prettier-ignore
    'more in one': [[1, 1, 0, 0], [0, 0, 0, 1]], // prettier-ignore
    'none in one': [[0, 0, 0, 0], [0, 1, 0, 1]], // prettier-ignore
    'none at all': [[0, 0, 0, 0], [0, 0, 0, 0]], // prettier-ignore
  }
  for (const [name, samples] of Object.entries(batches)) {
    const found = samples.map((sample) => sample.flatMap((value, i) => (value === 0 ? [] : [i])))
    const longest = Math.max(...found.map(({ length }) => length))
    const outputs = await run({ x: floats([samples.length, 4], samples.flat()) })
    const counts = [[samples.length], found.map(({ length }) => length)]
    assert.deepEqual(told(outputs['rows.counts']), counts, name)
    assert.deepEqual(told(outputs['kept.counts']), counts, name)
    assert.deepEqual(told(outputs['rows']), [[found.flat().length, 2], found.flat().flatMap((place) => [0, place])], name)
    const filled = found.flatMap((places) => Array.from({ length: longest }, (_, i) => [0, places[i] ?? 0]).flat())
    assert.deepEqual(told(outputs['kept']), [[samples.length, longest, 2], filled], name)
  }
})

test('where the model does not tell how a batch is joined, one sample runs and several are refused until it is said', async (t) => {
  const client = await startClient(t)
  const silent = await putModel(client, detections(false))
  assert.equal((await silent.run({ x: floats([1, 4], [0, 0, 1, 0]) }))['rows']?.shape.length, 2)
  const several = { x: floats([2, 4], [1, 0, 0, 0, 0, 1, 1, 0]) }
  await assert.rejects(silent.run(several), { code: 'unsupported', message: /output "rows".*batch: \{ outputs: \{ "rows": AXIS/ })
  const said = await putModel(client, detections(false), { batch: { outputs: { rows: 'rows', kept: 0 } } })
  // Both samples have no other number of rows here than the first: two and one.
  await assert.rejects(said.run(several), { code: 'tensor-mismatch', message: /output "kept" differs in shape within the batch/ })
  const even = await said.run({ x: floats([2, 4], [1, 0, 0, 0, 0, 0, 1, 0]) })
  assert.deepEqual(told(even['rows']), [[2, 2], [0, 0, 0, 2]]) // prettier-ignore
})

test('a model that states an open batch and takes one sample runs each by itself, and says which node it is', async (t) => {
  const client = await startClient(t)
  const weights = floats([4, 2], [1, 0, 0, 1, 0, 0, 0, 0])
  const inside = await putModel(client, modelOf({ inputs: { x: ['N', 2, 2] } }, (b, { x }) => ({ y: b.op('MatMul', [b.op('Reshape', [x!, b.constant(ints(1, 4))], {}, { name: 'Flat_1' }), b.constant(weights)]) }))) // prettier-ignore
  assert.equal(inside.handle.mode, 'loop')
  assert.match(inside.handle.warnings?.[0] ?? '', /one sample at a time: node Flat_1 \(Reshape\)/)
  assert.deepEqual(told((await inside.run({ x: floats([3, 2, 2]) }))['y']), [[3, 2], [0, 1, 4, 5, 8, 9]]) // prettier-ignore
  const flat = await putModel(client, modelOf({ inputs: { x: ['N', 2] }, states: { y: ['N', 2] } }, (b, { x }) => ({ y: b.op('Reshape', [x!, b.constant(ints(1, -1))]) }))) // prettier-ignore
  assert.deepEqual(told((await flat.run({ x: floats([3, 2]) }))['y']), [[3, 2], [0, 1, 2, 3, 4, 5]]) // prettier-ignore
  const squeezed = await putModel(client, modelOf({ inputs: { x: ['N', 2] } }, (b, { x }) => ({ y: b.op('Squeeze', [x!, b.constant(ints(0))]) }))) // prettier-ignore
  assert.deepEqual(told((await squeezed.run({ x: floats([3, 2]) }))['y']), [[3, 2], [0, 1, 2, 3, 4, 5]]) // prettier-ignore
  const joined = await putModel(client, modelOf({ inputs: { x: ['N', 2] } }, (b, { x }) => ({ y: b.op('Concat', [b.op('Reshape', [x!, b.constant(ints(1, 2))]), b.constant(floats([1, 1], [9]))], { axis: 1 }) }))) // prettier-ignore
  assert.deepEqual(told((await joined.run({ x: floats([2, 2]) }))['y']), [[2, 3], [0, 1, 9, 2, 3, 9]]) // prettier-ignore
})

test('a batch that must be as long as another input is not taken for one sample at a time', async (t) => {
  const client = await startClient(t)
  const add = (second: string | number) => modelOf({ inputs: { x: ['N', 2], z: [second, 2] }, states: { y: ['N', 2] } }, (b, { x, z }) => ({ y: b.op('Add', [x!, z!]) })) // prettier-ignore
  for (const second of ['M', 3]) {
    const { handle, run } = await putModel(client, add(second))
    assert.equal(handle.mode, 'batch')
    assert.deepEqual(told((await run({ x: floats([3, 2]), z: floats([3, 2]) }))['y']), [[3, 2], [0, 2, 4, 6, 8, 10]]) // prettier-ignore
  }
})

const layers = (b: GraphBuilder, x: Value, samples: number) => {
  const product = (value: Value, seed: number, sides: readonly [number, number]) =>
    b.op('MatMul', [
      value,
      b.constant(
        floats(
          sides,
          Array.from({ length: sides[0] * sides[1] }, (_, i) => Math.sin(seed + i)),
        ),
      ),
    ])
  const heads = b.op('Transpose', [b.op('Reshape', [product(x, 1, [6, 6]), b.constant(ints(samples, 2, 3))])], { perm: [1, 0, 2] })
  // As PyTorch's attention has it: samples woven with another axis, and taken apart again.
  const woven = product(b.op('Reshape', [heads, b.constant(ints(2 * samples, 3))]), 2, [3, 3])
  const apart = b.op('Transpose', [b.op('Reshape', [woven, b.constant(ints(2, samples, 3))])], { perm: [1, 0, 2] })
  return b.op('Softmax', [b.op('Tanh', [b.op('Reshape', [apart, b.constant(ints(samples, -1))])])], { axis: 1 })
}

test('a fixed batch of 8 takes any number: the rows of real samples have the bits of a full batch', async (t) => {
  const client = await startClient(t)
  const { run, handle } = await putModel(client, modelOf({ inputs: { x: [8, 6] } }, (b, { x }) => ({ y: layers(b, x!, 8), c: b.constant(floats([1])) }))) // prettier-ignore
  assert.equal(handle.batch?.independent, true)
  const all = Float32Array.from({ length: 24 * 6 }, (_, i) => Math.cos(i * 7))
  const part = (from: number, to: number) => new Tensor('float32', all.slice(from * 6, to * 6), [to - from, 6])
  const rows = async (from: number, to: number) => (await run({ x: part(from, to) }))['y']!
  const full = [await rows(0, 8), await rows(8, 16), await rows(16, 24)]
  const row = (tensor: Tensor, i: number) => bitsOf(new Tensor('float32', (tensor.data as Float32Array).slice(i * 6, i * 6 + 6), [6]))
  for (const count of [1, 3, 7, 8, 9, 16, 23]) {
    const made = await rows(0, count)
    assert.deepEqual(made.shape, [count, 6])
    for (let i = 0; i < count; i++) assert.equal(row(made, i), row(full[Math.floor(i / 8)]!, i % 8), `row ${i} of ${count}`)
  }
  assert.deepEqual(told((await run({ x: part(0, 3) }))['c']), [[1], [0]])
})

test('a fixed batch whose samples depend on each other is run exactly, unless its user vouches for it', async (t) => {
  const client = await startClient(t)
  const file = modelOf({ inputs: { x: [4, 2] } }, (b, { x }) => ({ y: meanRemoved(b, x!) }))
  const mean = await putModel(client, file)
  assert.match(mean.handle.warnings?.[0] ?? '', /ReduceMean.*only whole batches of 4/)
  assert.deepEqual(told((await mean.run({ x: floats([4, 2]) }))['y'])?.[0], [4, 2])
  for (const count of [3, 8])
    await assert.rejects(mean.run({ x: floats([count, 2]) }), { code: 'tensor-mismatch', message: new RegExp(`4 samples a run and was given ${count}.*dropLast`) }) // prettier-ignore
  const vouched = await putModel(client, file, { batch: { independent: true } })
  assert.deepEqual(told((await vouched.run({ x: floats([3, 2]) }))['y'])?.[0], [3, 2])
  const training = await putModel(client, modelOf({ inputs: { x: [4, 2] } }, (b, { x }) => { const one = b.constant(floats([2], [1, 1])); return { y: b.ops('BatchNormalization', [x!, one, one, one, one], { training_mode: 1 }, { outputs: 3 })[0]! } })) // prettier-ignore
  assert.match(training.handle.warnings?.[0] ?? '', /BatchNormalization/)
})

test('texts are cut and joined as numbers are', async (t) => {
  const client = await startClient(t)
  const file = (side: number | string) => modelOf({ inputs: { x: ['string', side, 2] } }, (b, { x }) => ({ y: b.op('Identity', [x!]) }))
  const texts = (count: number) =>
    new Tensor(
      'string',
      Array.from({ length: 2 * count }, (_, i) => `é${i}`),
      [count, 2],
    )
  for (const side of [1, 4, 'N']) {
    const { run } = await putModel(client, file(side))
    for (const count of side === 'N' ? [1, 3] : [1, 3, 4, 5])
      assert.deepEqual(told((await run({ x: texts(count) }))['y']), told(texts(count)), `${side}: ${count}`)
  }
})

test('what whoever puts a model says of its batches goes before what was found', async (t) => {
  const client = await startClient(t)
  const file = modelOf({ inputs: { x: [1, 3] } }, (b, { x }) => ({ y: b.op('Neg', [x!]) }))
  const whole = await putModel(client, file, { batch: 'whole' })
  await assert.rejects(whole.run({ x: floats([2, 3]) }), { code: 'tensor-mismatch', message: /float32 \[1, 3\].*float32 \[2, 3\]/ })
  const open = modelOf({ inputs: { x: ['N', 2] } }, (b, { x }) => ({ y: meanRemoved(b, x!) }))
  const one = await putModel(client, open, { batch: 'one' })
  assert.deepEqual(told((await one.run({ x: floats([3, 2]) }))['y']), [[3, 2], [0, 0, 0, 0, 0, 0]]) // prettier-ignore
  const second = await putModel(client, modelOf({ inputs: { x: [3, 1] } }, (b, { x }) => ({ y: b.op('Neg', [x!]) })), { batch: { inputs: { x: 1 }, outputs: { y: 1 } } }) // prettier-ignore
  assert.deepEqual(told((await second.run({ x: floats([3, 2]) }))['y'])?.[0], [3, 2])
  for (const batch of [{ inputs: { q: 0 } }, { outputs: { y: 2 } }])
    await assert.rejects(putModel(client, file, { batch }), {
      code: 'invalid-argument',
      message: /batch\.(inputs names "q".*are x|outputs\.y is axis 2)/,
    })
})

test('a tensor may be called as something that every object has', async (t) => {
  const client = await startClient(t)
  const { handle, name } = await putModel(client, modelOf({ inputs: { constructor: [1, 3] } }, (b, values) => ({ toString: b.op('Neg', [Object.values(values)[0]!]) }))) // prettier-ignore
  const { hash, file, external, mode, batch } = handle
  const feeds = { constructor: floats([2, 3]) }
  for (const plan of [batch!, { ...batch!, inputs: {}, outputs: {} }]) {
    const { outputs } = await client.object(model, name).forward({ hash, file, external, mode, batch: plan }, feeds)
    assert.deepEqual(told(outputs['toString'])?.[0], [2, 3])
  }
})

test('a description of an older node, without a plan, runs as it did', async (t) => {
  const client = await startClient(t)
  const { handle, name } = await putModel(client, modelOf({ inputs: { x: [1, 3] } }, (b, { x }) => ({ y: b.op('Neg', [x!]), z: b.op('Squeeze', [x!, b.constant(ints(0))]) }))) // prettier-ignore
  const { hash, file, external, mode } = handle
  const { outputs } = await client.object(model, name).forward({ hash, file, external, mode }, { x: floats([2, 3]) })
  assert.deepEqual([told(outputs['y'])?.[0], told(outputs['z'])?.[0]], [[2, 3], [2, 3]]) // prettier-ignore
})
