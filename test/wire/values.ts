import fc from 'fast-check'
import { ContentRef } from '../../src/core/content.ts'
import { byteLengthOf, type DType, dtypes, isDType } from '../../src/core/dtype.ts'
import { Tensor, tensorFromBytes } from '../../src/core/tensor.ts'
import type { Value } from '../../src/core/value.ts'

const names = Object.keys(dtypes).filter(isDType)
const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const shapes = fc.array(fc.nat(4), { maxLength: 4 })
const sizeOf = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1)

/** A tensor of one dtype: empty ones and scalars among them. */
export const tensorOf = (dtype: DType): fc.Arbitrary<Tensor> =>
  shapes.chain((shape) => {
    if (dtype === 'string') {
      const size = sizeOf(shape)
      return fc.array(text, { minLength: size, maxLength: size }).map((data): Tensor => new Tensor<DType>('string', data, shape))
    }
    const length = byteLengthOf(dtype, sizeOf(shape))
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => tensorFromBytes(dtype, bytes, shape))
  })

export const tensors: fc.Arbitrary<Tensor> = fc.oneof(...names.map(tensorOf))

export const refs: fc.Arbitrary<ContentRef> = fc
  .record({
    hash: fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: 64, maxLength: 64 }),
    bytes: fc.maxSafeNat(),
  })
  .map(({ hash, bytes }) => new ContentRef(hash, bytes, 'edge-7'))

const keys = fc
  .oneof(text, fc.constantFrom('constructor', 'toString', '0', '', 'then', 'hasOwnProperty'))
  .filter((key) => key !== '__proto__')

const leaves: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(null, undefined, true, false, -0, 0, NaN, Infinity, -Infinity, 2 ** 32, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  text,
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 60 }),
  fc.uint8Array({ minLength: 1000, maxLength: 1100 }),
  tensors,
  refs,
)

/** Everything that can be sent. */
export const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaves,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value
