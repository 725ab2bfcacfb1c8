import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsOf, MessageWriter, textAt } from '../../../src/graph/wire.ts'
import { Tensor } from '../../../src/index.ts'
import { withoutZipMap } from '../../../src/objects/model/zipmap.ts'
import { changed, floats, modelOf, putModel, startClient, told } from './support.ts'

const message = () => new MessageWriter()
const relu = () => modelOf({ inputs: { x: ['N', 3] } }, (b, { x }) => ({ y: b.op('Relu', [x!]) }))
/** The Relu of [N, 3] whose input or output is stated as another type. */
const stated = (name: 'x' | 'y', type: MessageWriter) =>
  changed(relu(), (_, own) => (own === name ? message().text(1, name).message(2, type) : undefined))
const tensorType = (elementType: number) => message().message(1, message().int(1, elementType))

test('what is no tensor, or of a dtype without one, is refused at put with its name and the way out', async (t) => {
  const client = await startClient(t)
  const kinds: readonly (readonly [MessageWriter, RegExp])[] = [
    [message().message(4, message().message(1, tensorType(1))), /is a sequence.*ConcatFromSequence/],
    [message().message(5, message().int(1, 7).message(2, tensorType(1))), /is a map.*options=\{'zipmap': False\}/],
    [message().message(9, message().message(1, tensorType(1))), /is an optional/],
    [message().message(8, message().int(1, 1)), /is a sparse tensor.*dense/],
    [tensorType(16), /is bfloat16.*Cast.*float32/],
    [tensorType(17), /is float8e4m3fn.*Cast/],
    [tensorType(14), /is complex64.*real and imaginary/],
    [tensorType(99), /element type 99/],
  ]
  for (const name of ['x', 'y'] as const)
    for (const [type, says] of kinds) {
      const refused = putModel(client, stated(name, type))
      await assert.rejects(refused, {
        code: 'unsupported',
        message: new RegExp(`${name === 'x' ? 'input' : 'output'} "${name}".*${says.source}`),
      })
    }
})

test('an opset that onnxruntime does not run is refused by its number', async (t) => {
  const client = await startClient(t)
  const newer = Buffer.concat([
    changed(relu(), () => undefined, 'left out'),
    message().message(8, message().text(1, '').int(2, 99)).finish(),
  ])
  await assert.rejects(putModel(client, newer), { code: 'unsupported', message: /opset 99.*export it with opset 20/ })
})

test('an input that states no shape takes any rank, and a scalar is one', async (t) => {
  const client = await startClient(t)
  const { run, handle } = await putModel(client, stated('x', tensorType(1)))
  assert.equal(handle.inputs[0]?.unranked, true)
  for (const shape of [[], [4], [2, 3], [1, 2, 3, 4]]) assert.deepEqual(told((await run({ x: floats(shape) }))['y'])?.[0], shape)
  const scalar = await putModel(
    client,
    modelOf({ inputs: { x: [] } }, (b, { x }) => ({ y: b.op('Relu', [x!]) })),
  )
  assert.equal(scalar.handle.inputs[0]?.unranked, undefined)
  assert.deepEqual(told((await scalar.run({ x: floats([], [3]) }))['y']), [[], [3]])
  await assert.rejects(scalar.run({ x: floats([2]) }), {
    code: 'tensor-mismatch',
    message: /"x" needs \[\], a scalar, it was given float32 \[2\]/,
  })
})

test('a tensor of another dtype is refused with what the model takes, what it got and what casts', async (t) => {
  const client = await startClient(t)
  const { run } = await putModel(client, relu())
  const given = new Tensor('int64', new BigInt64Array(6), [2, 3])
  await assert.rejects(run({ x: given }), {
    code: 'tensor-mismatch',
    message: /"x" needs float32 \[N, 3\], it was given int64 \[2, 3\].*\{ op: 'dtype', dtype: 'float32' \}/,
  })
})

test('weights that are listed as inputs are not asked for', async (t) => {
  const client = await startClient(t)
  const file = modelOf({ inputs: { x: ['N', 3] } }, (b, { x }) => ({ y: b.op('Mul', [x!, b.initializer('w', floats([1], [2]))]) }))
  const writer = message()
  for (const field of fieldsOf(file)) {
    if (field.id !== 7) writer.raw([field.raw])
    else
      writer.message(
        7,
        message()
          .raw([field.bytes])
          .message(11, message().text(1, 'w').message(2, tensorType(16))),
      )
  }
  // Stated as bfloat16, which does not matter for what nobody feeds.
  const listed = writer.finish()
  const { statedTypes } = await import('../../../src/objects/model/stated.ts')
  assert.deepEqual(
    statedTypes(listed).inputs.map(({ name }) => name),
    ['x'],
  )
  const { run } = await putModel(client, file)
  assert.deepEqual(told((await run({ x: floats([1, 3]) }))['y']), [[1, 3], [0, 2, 4]]) // prettier-ignore
})

/** Probabilities [N, 2] that a ZipMap makes maps of, as scikit-learn's converter writes them. */
const zipped = (classes: MessageWriter): Uint8Array => {
  const file = modelOf({ inputs: { x: ['N', 2] } }, (b, { x }) => ({
    label: b.op('ArgMax', [x!], { axis: 1, keepdims: 0 }),
    p: b.op('Softmax', [x!], { axis: 1 }),
  }))
  const node = message().text(1, 'p').text(2, 'probabilities').text(4, 'ZipMap').text(7, 'ai.onnx.ml').message(5, classes)
  const maps = message().message(4, message().message(1, message().message(5, message().int(1, 7).message(2, tensorType(1)))))
  const writer = message()
  for (const field of fieldsOf(file)) {
    if (field.id !== 7) writer.raw([field.raw])
    else {
      const kept = fieldsOf(field.bytes).filter(({ id, bytes }) => !(id === 12 && textAt(fieldsOf(bytes), 1) === 'p'))
      writer.message(
        7,
        message()
          .raw(kept.map(({ raw }) => raw))
          .message(1, node)
          .message(12, message().text(1, 'probabilities').message(2, maps)),
      )
    }
  }
  return writer.message(8, message().text(1, 'ai.onnx.ml').int(2, 1)).finish()
}

test('a classifier with ZipMap gives its probabilities as a tensor, and put tells the classes of the columns', async (t) => {
  const client = await startClient(t)
  const numbers = message().text(1, 'classlabels_int64s').int(8, 3).int(8, 5).int(20, 7)
  const names = message().text(1, 'classlabels_strings').text(9, 'cat').text(9, 'dög').int(20, 8)
  for (const [classes, told_] of [
    [numbers, '3, 5'],
    [names, 'cat, dög'],
  ] as const) {
    // prettier-ignore
    const { run, handle } = await putModel(client, zipped(classes))
    assert.match(handle.warnings?.[0] ?? '', new RegExp(`output "probabilities": its ZipMap was removed.*${told_}`))
    const { label, probabilities } = await run({ x: floats([2, 2], [0, 0, 5, 0]) })
    assert.deepEqual(told(label), [[2], [0, 0]])
    assert.deepEqual(told(probabilities)?.[0], [2, 2])
    assert.equal((probabilities!.data as Float32Array)[0], 0.5)
  }
})

test('a model without ZipMap stays the same bytes', () => {
  const file = relu()
  assert.equal(withoutZipMap(file).file, file)
})

test('float16 goes in and out as bits', async (t) => {
  const client = await startClient(t)
  const { run } = await putModel(
    client,
    modelOf({ inputs: { x: ['float16', 1, 3] } }, (b, { x }) => ({ y: b.op('Add', [x!, x!]) })),
  )
  const given = new Tensor('float16', Uint16Array.of(0x3c00, 0x0001, 0xc000, 0, 0x7bff, 0x4200), [2, 3])
  const { y } = await run({ x: given })
  assert.equal(y?.dtype, 'float16')
  assert.ok(y?.data instanceof Uint16Array)
  assert.deepEqual([...y.data], [0x4000, 0x0002, 0xc400, 0, 0x7c00, 0x4600])
})
