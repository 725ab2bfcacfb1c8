import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Tensor as OnnxTensor } from 'onnxruntime-node'
import { byteLengthOf, type DType, dtypes, isDType, type NumericDType } from '../../src/core/dtype.ts'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { bytesOf, Tensor, tensorFromBytes } from '../../src/core/tensor.ts'

const all = Object.keys(dtypes).filter(isDType)
const numeric = all.filter((dtype): dtype is NumericDType => dtype !== 'string')
const mismatch = (error: unknown) => isActiveStorageError(error, 'tensor-mismatch')

// What the types rule out, as plain JavaScript would call it.
const untyped = Tensor as unknown as new (dtype: string, data: unknown, shape: readonly number[]) => Tensor
const untypedOnnx = OnnxTensor as unknown as new (dtype: string, data: unknown, shape: readonly number[]) => OnnxTensor

const zeros = (dtype: DType, size: number) => {
  const { array, bits } = dtypes[dtype]
  return array === 'string[]' ? Array.from({ length: size }, () => '') : new array(bits === 4 ? Math.ceil(size / 2) : size)
}

test('every dtype holds its data in the array that onnxruntime holds it in', () => {
  for (const dtype of all) {
    const data = zeros(dtype, 3)
    const ours = new untyped(dtype, data, [3])
    assert.equal(ours.data, data)
    assert.equal(ours.size, 3)
    // onnxruntime has Float16Array for it where the runtime has one: the same bits under another name.
    const half = dtype === 'float16' && 'Float16Array' in globalThis
    if (!half) assert.equal(new untypedOnnx(dtype, data, [3]).data, data, dtype)
  }
})

test('onnxruntime has no dtype that is missing here', () => {
  const known = [
    'float32',
    'uint8',
    'int8',
    'uint16',
    'int16',
    'int32',
    'int64',
    'string',
    'bool',
    'float16',
    'float64',
    'uint32',
    'uint64',
  ]
  assert.deepEqual(all.toSorted(), [...known, 'uint4', 'int4'].toSorted())
})

test('the width of a dtype is that of its array, two elements a byte for 4 bits', () => {
  for (const dtype of numeric) {
    const { bits, array } = dtypes[dtype]
    assert.equal(byteLengthOf(dtype, 6), bits === 4 ? 3 : 6 * array.BYTES_PER_ELEMENT)
    assert.equal(byteLengthOf(dtype, 0), 0)
  }
  assert.equal(byteLengthOf('int4', 3), 2)
})

test('a wrong array, length, shape or dtype is refused with a sentence', () => {
  assert.throws(() => new untyped('float32', new Float64Array(2), [2]), /float32 is held in Float32Array, not in Float64Array/)
  assert.throws(() => new untyped('string', new Uint8Array(2), [2]), /an array of strings, not in Uint8Array/)
  assert.throws(() => new untyped('float32', Object.create(null), [2]), mismatch)
  assert.throws(() => new untyped('float32', null, [2]), mismatch)
  assert.throws(() => new untyped('float8', new Uint8Array(2), [2]), /"float8" is not a dtype/)
  assert.throws(() => new untyped('constructor', new Uint8Array(2), [2]), mismatch)
  assert.throws(() => new Tensor('float32', new Float32Array(5), [2, 3]), /needs 6 elements, the data has 5/)
  for (const shape of [[-1], [1.5], [Number.NaN], [2 ** 53], [2 ** 30, 2 ** 30], Array<number>(33).fill(1)])
    assert.throws(() => new Tensor('uint8', new Uint8Array(1), shape), mismatch, String(shape))
})

test('a scalar has no dimension and one element; an empty side makes none', () => {
  assert.equal(new Tensor('float32', new Float32Array(1), []).size, 1)
  assert.equal(new Tensor('float32', new Float32Array(0), [3, 0]).size, 0)
})

test('the shape is a frozen copy', () => {
  const shape = [2]
  const tensor = new Tensor('uint8', new Uint8Array(2), shape)
  shape[0] = 9
  assert.deepEqual(tensor.shape, [2])
  assert.ok(Object.isFrozen(tensor.shape))
})

test('bytes are counted of the view, and of UTF-8 text', () => {
  assert.equal(new Tensor('float64', new Float64Array(new ArrayBuffer(64), 8, 2), [2]).byteLength, 16)
  assert.equal(new Tensor('string', ['é', 'a'], [2]).byteLength, 3)
})

test('an aligned view of bytes is not copied', () => {
  for (const dtype of numeric) {
    const bytes = new Uint8Array(new ArrayBuffer(64), 16, byteLengthOf(dtype, 2))
    const back = bytesOf(tensorFromBytes(dtype, bytes, [2]))
    assert.equal(back.buffer, bytes.buffer, dtype)
    assert.equal(back.byteOffset, 16, dtype)
  }
})

test('a misaligned view is copied exactly once', (context) => {
  let copied = 0
  const real = globalThis.Uint8Array
  class Counting extends real {
    constructor(source: Uint8Array) {
      super(source)
      copied++
    }
  }
  context.after(() => (globalThis.Uint8Array = real))
  for (const dtype of numeric.filter((name) => dtypes[name].array.BYTES_PER_ELEMENT > 1)) {
    const bytes = new real(new ArrayBuffer(64), 5, byteLengthOf(dtype, 2))
    bytes.set(bytes.map((_, index) => index + 1))
    copied = 0
    globalThis.Uint8Array = Counting as unknown as typeof real
    const tensor = tensorFromBytes(dtype, bytes, [2])
    globalThis.Uint8Array = real
    assert.equal(copied, 1, dtype)
    const back = bytesOf(tensor)
    assert.equal(back.buffer.byteLength, bytes.byteLength, dtype)
    assert.deepEqual([...back], [...bytes], dtype)
  }
})

test('bytes on shared memory are copied, since onnxruntime refuses them', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(8))
  assert.ok(bytesOf(tensorFromBytes('float32', shared, [2])).buffer instanceof ArrayBuffer)
})

test('too few or too many bytes are refused, and strings have none', () => {
  for (const length of [7, 9]) assert.throws(() => tensorFromBytes('float32', new Uint8Array(length), [2]), mismatch)
  assert.throws(() => bytesOf(new Tensor('string', ['a'], [1])), mismatch)
})

test('a tensor made of the bytes of another is equal to it, at any offset', () => {
  const cases = fc.tuple(fc.constantFrom(...numeric), fc.uint8Array({ maxLength: 64 }), fc.nat(16))
  fc.assert(
    fc.property(cases, ([dtype, raw, offset]) => {
      const count = dtypes[dtype].bits === 4 ? raw.length * 2 : Math.floor(raw.length / dtypes[dtype].array.BYTES_PER_ELEMENT)
      const length = byteLengthOf(dtype, count)
      const held = new Uint8Array(offset + length)
      held.set(raw.subarray(0, length), offset)
      assert.deepEqual(bytesOf(tensorFromBytes(dtype, held.subarray(offset), [count])), raw.slice(0, length))
    }),
  )
})

test('float16 is raw bits, also where a Float16Array is given', () => {
  const bits = Uint16Array.of(0x3c00, 0x0001, 0x7e01, 0xfc00)
  // The class of newer runtimes, or one with its tag where there is none.
  const Half = (globalThis as { Float16Array?: new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView }).Float16Array
  const half = Half === undefined ? new (class extends Int16Array { override get [Symbol.toStringTag]() { return 'Float16Array' as 'Int16Array' } })(bits.buffer, 2, 3) : new Half(bits.buffer, 2, 3) // prettier-ignore
  const tensor = new untyped('float16', half, [3]) as Tensor<'float16'>
  assert.ok(tensor.data instanceof Uint16Array)
  assert.deepEqual([...tensor.data], [0x0001, 0x7e01, 0xfc00])
  assert.equal(tensor.data.buffer, bits.buffer, 'the same memory')
  assert.throws(() => new untyped('uint16', half, [3]), mismatch)
})
