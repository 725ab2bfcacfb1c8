import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DType, dtypes, isDType } from '../../src/core/dtype.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { checkGraph } from '../../src/graph/check.ts'
import { elementTypes } from '../../src/graph/element-types.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import type { Attribute, Graph } from '../../src/graph/graph.ts'
import { readGraph } from '../../src/graph/read.ts'
import { withInitializers } from '../../src/graph/replace.ts'
import { readTensor, writeTensor } from '../../src/graph/tensor-proto.ts'
import { fieldsOf, MessageWriter } from '../../src/graph/wire.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { fails } from './errors.ts'
import { bitsOf } from './run.ts'

const all = Object.keys(dtypes).filter(isDType)
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
const float = fc.float({ noNaN: false })
const whole = fc.maxSafeInteger()

const tensor: fc.Arbitrary<Tensor> = fc.tuple(fc.constantFrom(...all), fc.array(fc.nat(4), { maxLength: 3 })).chain(([dtype, shape]) => {
  const count = shape.reduce((product, side) => product * side, 1)
  if (dtype === 'string')
    return fc.array(text, { minLength: count, maxLength: count }).map((data): Tensor => new Tensor(dtype, data, shape))
  const { bits, array } = dtypes[dtype]
  const bytes = Math.ceil((count * bits) / 8)
  return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data): Tensor => new Tensor<DType>(dtype, new array(new Uint8Array(data).buffer), shape)) // prettier-ignore
})
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  float.map((value): Attribute => ({ type: 'float', value })),
  whole.map((value): Attribute => ({ type: 'int', value })),
  text.map((value): Attribute => ({ type: 'string', value })),
  tensor.map((value): Attribute => ({ type: 'tensor', value })),
  fc.array(float, { maxLength: 4 }).map((value): Attribute => ({ type: 'floats', value })),
  fc.array(whole, { maxLength: 4 }).map((value): Attribute => ({ type: 'ints', value })),
  fc.array(text, { maxLength: 4 }).map((value): Attribute => ({ type: 'strings', value })),
)
const type = fc
  .tuple(fc.constantFrom(...all), fc.array(fc.oneof(fc.nat(9), text), { maxLength: 4 }))
  .map(([dtype, shape]) => ({ dtype, shape }))

/** Any graph at all: what is written must come back, whether an operator is known or not. */
const graph: fc.Arbitrary<Graph> = fc
  .record({
    name: text,
    opset: fc.integer({ min: 13, max: 22 }),
    types: fc.array(type, { minLength: 1, maxLength: 4 }),
    tensors: fc.array(tensor, { maxLength: 3 }),
    nodes: fc.array(fc.record({ op: text, uses: fc.array(fc.nat(20), { maxLength: 3 }), attributes: fc.dictionary(text, attribute, { maxKeys: 3 }) }), { maxLength: 6 }), // prettier-ignore
  })
  .map(({ name, opset, types, tensors, nodes }) => {
    const names = [...types.map((_, i) => `in ${i}`), ...tensors.map((_, i) => `wé${i}`), '']
    const made = nodes.map(({ op, uses, attributes }, i) => {
      const inputs = uses.map((use) => names[use % names.length] ?? '')
      names.push(`t${i}`)
      return { op, name: `n${i}`, inputs, outputs: [`t${i}`, ''], attributes }
    })
    const outputs = made.map(({ outputs: [output = ''] }, i) => [output, types[i % types.length]!] as const)
    return checkGraph({ name, opset, inputs: types.map((each, i) => [`in ${i}`, each]), initializers: tensors.map((each, i) => [`wé${i}`, each]), nodes: made, outputs }) // prettier-ignore
  })

/** A graph as values that can be compared: tensors by their bits, floats as they are in 32. */
const plain = ({ inputs, outputs, initializers, nodes, ...rest }: Graph): unknown => ({
  ...rest,
  inputs: [...inputs],
  outputs: [...outputs],
  initializers: [...initializers].map(([name, each]) => [name, bitsOf(each)]),
  nodes: nodes.map((node) => ({ ...node, attributes: Object.entries(node.attributes).map(([name, each]) => [name, each.type, each.type === 'tensor' ? bitsOf(each.value) : each.value]) })), // prettier-ignore
})

test('every graph that is written is read again as it was, and written the same', () => {
  fc.assert(
    fc.property(graph, fc.dictionary(text, text), (each, entries) => {
      const metadata = new Map(Object.entries(entries))
      const file = writeGraph({ graph: each, metadata })
      const model = readGraph(file)
      assert.deepEqual(plain(model.graph), plain(each))
      assert.deepEqual(model.metadata, metadata)
      assert.deepEqual(Buffer.from(writeGraph(model)), Buffer.from(writeGraph(readGraph(writeGraph(model)))))
      assert.deepEqual(plain(readGraph(writeGraph(model)).graph), plain(each))
    }),
    { numRuns: 300 },
  )
})

test('a tensor is the same from its typed field, packed or not, as from raw bytes', () => {
  const half = [0x3c00, 0x8000, 0x7e00, 0xffff]
  const cases: readonly (readonly [DType, field: number, numbers: readonly (number | bigint)[], expected: Tensor])[] = [
    ['float16', 5, half, new Tensor('float16', Uint16Array.from(half), [4])],
    ['bool', 5, [1, 0, 1], new Tensor('bool', Uint8Array.of(1, 0, 1), [3])],
    ['int8', 5, [-128, -1, 127], new Tensor('int8', Int8Array.of(-128, -1, 127), [3])],
    ['uint8', 5, [0, 255], new Tensor('uint8', Uint8Array.of(0, 255), [2])],
    ['int16', 5, [-32768, 7], new Tensor('int16', Int16Array.of(-32768, 7), [2])],
    ['uint16', 5, [65535], new Tensor('uint16', Uint16Array.of(65535), [1])],
    ['int32', 5, [-(2 ** 31), 2 ** 31 - 1], new Tensor('int32', Int32Array.of(-(2 ** 31), 2 ** 31 - 1), [2])],
    ['uint32', 11, [2 ** 32 - 1], new Tensor('uint32', Uint32Array.of(2 ** 32 - 1), [1])],
    ['int64', 7, [-(2n ** 63n), 2n ** 63n - 1n], new Tensor('int64', BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), [2])],
    ['uint64', 11, [2n ** 53n], new Tensor('uint64', BigUint64Array.of(2n ** 53n), [1])],
    ['int4', 5, [0x21, 0x0f], new Tensor('int4', Uint8Array.of(0x21, 0x0f), [3])],
  ]
  for (const [dtype, field, numbers, expected] of cases) {
    const head = () => expected.shape.reduce((writer, side) => writer.int(1, side), new MessageWriter().int(2, elementTypes[dtype]))
    const spread = numbers.reduce<MessageWriter>((writer, number) => writer.int(field, number), head())
    // Without its tag an int is what stands in a packed field.
    const packed = Buffer.concat(numbers.map((number) => Buffer.from(new MessageWriter().int(1, number).finish()).subarray(1)))
    for (const bytes of [spread.finish(), head().bytes(field, packed).finish()])
      assert.equal(bitsOf(readTensor(bytes, {}).tensor), bitsOf(expected), dtype)
  }
  const floats = Float32Array.of(1.5, -0, Number.NaN)
  const doubles = Float64Array.of(1e300, 5e-324)
  for (const [dtype, field, data] of [
    ['float32', 4, floats],
    ['float64', 10, doubles],
  ] as const) {
    const bytes = new MessageWriter().int(1, data.length).int(2, elementTypes[dtype]).bytes(field, new Uint8Array(data.buffer)).finish()
    assert.equal(bitsOf(readTensor(bytes, {}).tensor), bitsOf(new Tensor<DType>(dtype, data, [data.length])))
  }
})

const weights = (value: number) => new Tensor('float32', new Float32Array(6).fill(value), [2, 3])

/** A file with fields that nobody knows at each level, and what exporters leave in theirs. */
const decorated = (): Uint8Array => {
  const unknown = () => new MessageWriter().text(900, 'of a later version')
  const typed = (name: string, ...sides: readonly number[]) => {
    const shape = sides.reduce((writer, side) => writer.message(1, new MessageWriter().int(1, side)), new MessageWriter())
    return new MessageWriter()
      .text(1, name)
      .message(2, new MessageWriter().message(1, new MessageWriter().int(1, 1).message(2, shape)))
      .text(3, `what ${name} is`)
  }
  const relu = new MessageWriter().text(1, 'x').text(2, 'r').text(4, 'Relu').text(6, 'a node').raw(unknown().parts())
  const matmul = new MessageWriter().text(1, 'r').text(1, 'w').text(2, 'y').text(3, 'product').text(4, 'MatMul')
  const graph = new MessageWriter()
    .message(1, relu)
    .message(1, matmul)
    .text(2, 'g')
    .message(5, writeTensor('w', weights(1), unknown().parts()))
    .text(10, 'a graph')
    .message(11, typed('x', 4, 2))
    .message(11, typed('w', 2, 3))
    .message(12, typed('y', 4, 3))
    .message(13, typed('r', 4, 2))
    .raw(unknown().parts())
  return new MessageWriter().int(1, 8).text(2, 'elsewhere').int(5, -7).message(7, graph).message(8, new MessageWriter().text(1, '').int(2, 17)).raw(unknown().parts()).finish() // prettier-ignore
}

const count = (file: Uint8Array, words: string) => Buffer.from(file).toString('latin1').split(words).length - 1

test('what is not understood of a file is written back', () => {
  const file = decorated()
  const written = writeGraph(readGraph(file))
  for (const words of ['elsewhere', 'a node', 'a graph', 'what x is', 'what w is', 'what y is', 'what r is'])
    assert.equal(count(written, words), 1, words)
  assert.equal(count(file, 'of a later version'), 4)
  // That of a tensor is lost, which may be another one by now.
  assert.equal(count(written, 'of a later version'), 3)
  assert.equal(fieldsOf(written).find(({ id }) => id === 5)?.int, -7n)
})

test('other weights change nothing else of a file', () => {
  const file = decorated()
  const changed = withInitializers(file, new Map([['w', weights(2)]]))
  assert.equal(bitsOf(readGraph(changed).graph.initializers.get('w')), bitsOf(weights(2)))
  assert.equal(changed.length, file.length)
  // Six floats of which two bytes differ.
  assert.equal(changed.filter((byte, i) => byte !== file[i]).length, 12)
  assert.deepEqual(Buffer.from(withInitializers(changed, new Map([['w', weights(1)]]))), Buffer.from(file))
  assert.deepEqual(Buffer.from(withInitializers(file, new Map())), Buffer.from(file))
  fails(() => withInitializers(file, new Map([['v', weights(2)]])), 'not-found', '"v"')
  fails(
    () => withInitializers(file, new Map([['w', new Tensor('float32', new Float32Array(6), [3, 2])]])),
    'tensor-mismatch',
    '"w"',
    '[2, 3]',
    '[3, 2]',
  )
})

test('a file is written with the IR version of its opset, and weights are listed as inputs where that is old', () => {
  const b = new GraphBuilder({ opset: 13 })
  b.output(b.op('Add', [b.input('x', 'float32', [3]), b.initializer('w', new Tensor('float32', new Float32Array(3), [3]))]), 'y')
  assert.equal(readGraph(writeGraph({ graph: b.build() })).irVersion, 7)
  const old = writeGraph({ graph: b.build(), irVersion: 3 })
  assert.deepEqual(readGraph(old).kept?.overridable, ['w'])
  assert.deepEqual([...readGraph(old).graph.inputs.keys()], ['x'])
})
