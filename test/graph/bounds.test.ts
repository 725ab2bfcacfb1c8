import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOUNDS, checkBounds } from '../../src/graph/bounds.ts'
import { GraphBuilder } from '../../src/graph/builder.ts'
import { linear } from '../../src/graph/layers.ts'
import { readGraph } from '../../src/graph/read.ts'
import { writeGraph } from '../../src/graph/write.ts'
import { inspectOnnx } from '../../src/objects/model/onnx-file.ts'
import { statedTypes } from '../../src/objects/model/stated.ts'
import { withoutZipMap } from '../../src/objects/model/zipmap.ts'
import { hollow } from '../storage-node/compute/killers.ts'

const of = (bytes: Uint8Array) => ({ length: bytes.length, at: (place: number) => bytes[place] })
const empty = new Uint8Array()

test('a model that a builder wrote is counted: nodes, and parts of all kinds', () => {
  const b = new GraphBuilder({ name: 'g' })
  b.output(b.op('Relu', [linear({ b, seed: 1 }, 'one', b.input('x', 'float32', ['N', 3]), 2)]), 'y')
  const { nodes, parts } = checkBounds(of(writeGraph({ graph: b.build() })))
  assert.equal(nodes, b.build().nodes.length)
  assert.ok(parts > 3 * nodes && parts < 200, String(parts))
})

test('a file of millions of empty parts is refused by every reader before it makes objects of them', () => {
  const readers = { inspectOnnx, withoutZipMap, statedTypes, readGraph }
  for (const [name, read] of Object.entries(readers)) {
    // Nodes, initializers, inputs and value types.
    for (const field of [1, 5, 11, 13])
      assert.throws(() => read(hollow(field, empty, 2_000_000)), { code: 'bad-model', message: /more than \d+ / }, `${name} ${field}`)
  }
})

test('as many nodes as are allowed are counted, and one more is not', () => {
  assert.equal(checkBounds(of(hollow(1, empty, BOUNDS.nodes))).nodes, BOUNDS.nodes)
  assert.throws(() => checkBounds(of(hollow(1, empty, BOUNDS.nodes + 1))), { code: 'bad-model', message: /more than 262144 nodes/ })
})

test('what is cut off is refused, or left to the next reader', () => {
  const whole = hollow(1, empty, 10)
  assert.throws(() => checkBounds(of(whole.subarray(0, whole.length - 9))), { code: 'bad-model', message: /part of one/ })
  checkBounds(of(whole.subarray(0, whole.length - 9)), { wholeOnly: false })
  assert.throws(() => checkBounds(of(hollow(1, empty, 2_000_000).subarray(0, 3_000_000)), { wholeOnly: false }), { code: 'bad-model' })
})

test('a list of numbers that would take thirty times its bytes is refused', () => {
  // A node whose attribute "a" holds 2 MB of one-byte numbers.
  const numbers = Buffer.alloc(2_000_000)
  const length = (bytes: number) => Buffer.from([(bytes & 127) | 128, ((bytes >> 7) & 127) | 128, bytes >> 14])
  const attribute = Buffer.concat([Buffer.from([0x0a, 1, 0x61, 0x42]), length(numbers.length), numbers, Buffer.from([0xa0, 1, 7])])
  const node = Buffer.concat([Buffer.from([0x12, 1, 0x6f, 0x22, 4]), Buffer.from('Relu'), Buffer.from([0x2a]), length(attribute.length), attribute]) // prettier-ignore
  assert.throws(() => readGraph(hollow(1, node, 1)), { code: 'bad-model', message: /more than 1048576 numbers/ })
})
