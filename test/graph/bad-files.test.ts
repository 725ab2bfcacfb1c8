import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { checkGraph, type Loose } from '../../src/graph/check.ts'
import type { Node, ValueType } from '../../src/graph/graph.ts'
import { readGraph } from '../../src/graph/read.ts'
import { MessageWriter } from '../../src/graph/wire.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { Tensor } from '../../src/core/tensor.ts'
import { fails } from './errors.ts'

const float: ValueType = { dtype: 'float32', shape: [2] }
const node = (name: string, inputs: readonly string[], outputs: readonly string[], op = 'Relu'): Node => ({
  op,
  name,
  inputs,
  outputs,
  attributes: {},
})
const loose = (parts: Partial<Loose>): Loose => ({
  name: 'g',
  opset: 20,
  inputs: [['x', float]],
  initializers: [],
  nodes: [],
  outputs: [],
  ...parts,
})

test('a graph that goes round is refused by the nodes on the way', () => {
  const nodes = [node('first', ['x'], ['a']), node('up', ['a', 'c'], ['b'], 'Add'), node('down', ['b'], ['c'])]
  fails(() => checkGraph(loose({ nodes, outputs: [['c', float]] })), 'bad-model', 'up (Add) uses down (Relu)', 'cut one')
})

test('nodes in another order are sorted, those in order keep theirs', () => {
  const nodes = [node('last', ['b'], ['c']), node('first', ['x'], ['a']), node('middle', ['a'], ['b'])]
  const graph = checkGraph(loose({ nodes, outputs: [['c', float]] }))
  assert.deepEqual(
    graph.nodes.map(({ name }) => name),
    ['first', 'middle', 'last'],
  )
  const free = [node('b', ['x'], ['1']), node('a', ['x'], ['2'])]
  assert.deepEqual(checkGraph(loose({ nodes: free })).nodes, free)
})

// A walk of which the time is the square of the nodes would take hours.
test('a large graph in the wrong order, without names and with one tensor that all use, is put in order', () => {
  const count = 100_000
  const nodes = Array.from({ length: count }, (_, i) => node('', i === 0 ? ['x'] : [`t${i - 1}`, 't0'], [`t${i}`], 'Add')).toReversed()
  const graph = checkGraph(loose({ nodes }))
  assert.equal(graph.nodes.length, count)
  assert.equal(new Set(graph.nodes.map(({ name }) => name)).size, count)
})

test('a message of millions of tiny fields is refused', () => {
  fails(() => readGraph(new Uint8Array(2 ** 22 + 2).map((_, i) => (i % 2 === 0 ? 0x08 : 1))), 'bad-model', 'fields')
})

test('what nothing makes, and what two make, is named', () => {
  fails(() => checkGraph(loose({ nodes: [node('n', ['w'], ['a'])] })), 'bad-model', 'node n (Relu)', '"w"', 'initializer')
  fails(() => checkGraph(loose({ outputs: [['y', float]] })), 'bad-model', '"y"')
  fails(() => checkGraph(loose({ nodes: [node('n', ['x'], ['a']), node('m', ['x'], ['a'])] })), 'bad-model', 'node m', '"a"', 'node n')
  fails(() => checkGraph(loose({ nodes: [node('n', ['x'], ['x'])] })), 'bad-model', 'an input makes already')
  fails(
    () =>
      checkGraph(
        loose({
          inputs: [
            ['x', float],
            ['x', float],
          ],
        }),
      ),
    'bad-model',
    '"x" is there twice',
  )
})

test('nodes without a name, or with one that is taken, get one of their own', () => {
  const nodes = [node('', ['x'], ['a']), node('Relu_0', ['x'], ['b']), node('', ['x'], ['c']), node('Relu_0', ['x'], ['d'])]
  const names = checkGraph(loose({ nodes })).nodes.map(({ name }) => name)
  assert.equal(new Set(names).size, 4)
  assert.equal(names[1], 'Relu_0')
  assert.ok(names.every((name) => name !== ''))
})

const small = (): Uint8Array => {
  const builder = new GraphBuilder()
  const x = builder.input('x', 'float32', ['N', 3])
  const w = builder.initializer('w', new Tensor('float32', new Float32Array(12).fill(0.5), [3, 4]))
  builder.output(builder.op('Relu', [builder.op('MatMul', [x, w])]), 'y')
  return writeGraph({ graph: builder.build(), metadata: new Map([['made', 'here']]) })
}

test('a file that is cut off anywhere, or has other bytes, is refused or read, and never more', () => {
  const file = small()
  const attempt = (bytes: Uint8Array) => {
    try {
      readGraph(bytes)
    } catch (error) {
      assert.ok(isActiveStorageError(error), String(error))
      assert.ok(['bad-model', 'unsupported'].includes(error.code), error.message)
    }
  }
  for (let length = 0; length < file.length; length++) attempt(file.subarray(0, length))
  fails(() => readGraph(file.subarray(0, 40)), 'bad-model', 'only a part')
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Uint8Array.from(file)
      for (const [at, value] of changes) bytes[at] = value
      attempt(bytes)
    }),
    { numRuns: 2000 },
  )
})

const model = (graph: MessageWriter, opset = 20, domain = ''): Uint8Array =>
  new MessageWriter().int(1, 9).message(7, graph).message(8, new MessageWriter().text(1, domain).int(2, opset)).finish()
const tensorField = (dims: readonly number[], fill: (writer: MessageWriter) => MessageWriter) => {
  const tensor = new MessageWriter().int(2, 1).text(8, 'huge')
  for (const side of dims) tensor.int(1, side)
  return new MessageWriter().message(5, fill(tensor))
}

test('a tensor that claims more than it holds takes no memory', () => {
  const raw = (writer: MessageWriter) => writer.bytes(9, new Uint8Array(8))
  const before = process.memoryUsage().arrayBuffers
  fails(() => readGraph(model(tensorField([2 ** 31, 2 ** 15], raw))), 'bad-model', '"huge"', 'needs')
  fails(() => readGraph(model(tensorField([2 ** 31, 2 ** 31], raw))), 'bad-model', '"huge"', 'claims')
  fails(() => readGraph(model(tensorField([-1], raw))), 'bad-model', '"huge"')
  fails(
    () =>
      readGraph(
        model(
          tensorField(
            Array.from({ length: 40 }, () => 1),
            raw,
          ),
        ),
      ),
    'bad-model',
    '"huge"',
  )
  fails(() => readGraph(model(tensorField([3], (writer) => writer))), 'bad-model', '"huge"')
  assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20)
})

const external = (entries: Readonly<Record<string, string>>) =>
  model(
    tensorField([2], (writer) => {
      for (const [key, value] of Object.entries(entries)) writer.message(13, new MessageWriter().text(1, key).text(2, value))
      return writer.int(14, 1)
    }),
  )

test('a tensor outside the file is read from the bytes that are given, within their bounds', () => {
  const data = new Uint8Array(Float32Array.of(9, 1, 2, 9).buffer)
  const read = readGraph(external({ location: 'w.bin', offset: '4', length: '8' }), { external: { 'w.bin': data } })
  assert.deepEqual([...(read.graph.initializers.get('huge')?.data ?? [])], [1, 2])
  fails(() => readGraph(external({ location: 'w.bin' })), 'bad-model', '"huge"', '"w.bin"', 'give that file')
  fails(() => readGraph(external({ location: 'toString' })), 'bad-model', '"huge"')
  for (const bad of [{ offset: '12' }, { offset: '-4' }, { length: '9' }, { length: '1e3' }, { offset: '99999999999999' }])
    fails(() => readGraph(external({ location: 'w.bin', ...bad }), { external: { 'w.bin': data } }), 'bad-model', '"huge"')
})

const called = (op: string, domain = '') =>
  new MessageWriter().message(1, new MessageWriter().text(2, 'y').text(3, 'odd').text(4, op).text(7, domain))

test('other domains, functions, sparse tensors, ranks that are not stated and old opsets are refused by name', () => {
  fails(() => readGraph(model(called('FusedConv', 'com.microsoft'))), 'unsupported', 'node odd (FusedConv)', 'com.microsoft', 'export')
  fails(() => readGraph(model(new MessageWriter(), 6)), 'unsupported', 'opset 6', 'opset 20')
  fails(() => readGraph(model(new MessageWriter(), 23)), 'unsupported', 'opset 23')
  fails(() => readGraph(model(new MessageWriter(), 1, 'ai.onnx.ml')), 'unsupported', 'opset none')
  fails(
    () =>
      readGraph(Buffer.concat([model(new MessageWriter()), new MessageWriter().message(25, new MessageWriter().text(1, 'mine')).finish()])),
    'unsupported',
    '"mine"',
    'inlined',
  )
  fails(() => readGraph(model(new MessageWriter().message(15, new MessageWriter()))), 'unsupported', 'sparse')
  const rankless = new MessageWriter().message(
    11,
    new MessageWriter().text(1, 'x').message(2, new MessageWriter().message(1, new MessageWriter().int(1, 1))),
  )
  fails(() => readGraph(model(rankless)), 'unsupported', 'number of dimensions', '"x"')
  const twice = Buffer.concat([model(new MessageWriter()), new MessageWriter().message(7, new MessageWriter()).finish()])
  fails(() => readGraph(twice), 'bad-model', 'twice')
})

test('an attribute called like a member of all objects is one like others', () => {
  const attribute = new MessageWriter().text(1, '__proto__').int(3, 7).int(20, 2)
  const graph = new MessageWriter().message(1, new MessageWriter().text(2, 'y').text(4, 'Constant').message(5, attribute))
  const [first] = readGraph(model(graph)).graph.nodes
  assert.deepEqual(Object.keys(first?.attributes ?? {}), ['__proto__'])
  assert.equal(({} as Record<string, unknown>)['type'], undefined)
})
