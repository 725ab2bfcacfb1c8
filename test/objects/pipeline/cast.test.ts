import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DType, dtypes, type NumericDType } from '../../../src/core/dtype.ts'
import { fromHalf } from '../../../src/core/half.ts'
import { castTo, integerDtypes } from '../../../src/objects/pipeline/cast.ts'
import { checkPipeline } from '../../../src/objects/pipeline/spec.ts'
import { runText, runValues } from '../../../src/objects/pipeline/values.ts'
import { Tensor } from '../../../src/core/tensor.ts'

test('a whole number is kept to the last digit or refused: it never wraps', () => {
  const dtype = fc.constantFrom<NumericDType>(...integerDtypes)
  const value = fc.oneof(fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }), fc.bigInt({ min: -300n, max: 300n }), fc.double(), fc.integer())
  fc.assert(
    fc.property(dtype, value, (to, given) => {
      const made = castTo(to)(given)
      const array = new dtypes[to].array(1)
      const whole = typeof given === 'bigint' ? given : Number.isInteger(given) ? BigInt(given) : undefined
      if (whole === undefined) return assert.equal(made, undefined)
      array[0] = (
        array instanceof BigInt64Array || array instanceof BigUint64Array ? BigInt.asUintN(64, whole) : Number(BigInt.asIntN(64, whole))
      ) as never
      const wraps = BigInt(array[0]!) !== whole
      assert.deepEqual(made === undefined, wraps)
      if (made !== undefined) assert.equal(BigInt(made), whole)
    }),
    { numRuns: 2000 },
  )
  assert.deepEqual([castTo('bool')(1), castTo('bool')(2), castTo('bool')(0n)], [1, undefined, 0])
})

test('fractions are rounded, and what would become infinite is refused', () => {
  assert.deepEqual([castTo('float32')(0.1), castTo('float32')(1e39), castTo('float32')(Infinity)], [Math.fround(0.1), undefined, Infinity])
  assert.deepEqual([fromHalf(Number(castTo('float16')(1.5))), castTo('float16')(70_000)], [1.5, undefined])
  assert.ok(Number.isNaN(castTo('float32')(Number.NaN)))
})

const sample = (array: { readonly buffer: ArrayBufferLike }, id = 'a') => ({ id, bytes: new Uint8Array(array.buffer as ArrayBuffer) })
const tensorOf = async (running: ReturnType<typeof runValues>): Promise<Tensor> => {
  const made = await running
  assert.ok(made instanceof Tensor)
  return made
}
const values = (dtype: string, to: string, array: { readonly buffer: ArrayBufferLike }, length = 2) => {
  const spec: unknown = { ops: [{ op: 'tensor', dtype, shape: [length] }, { op: 'dtype', dtype: to }] } // prettier-ignore
  checkPipeline(spec)
  return tensorOf(runValues(spec, [sample(array)]))
}

test('numbers become whole numbers of any dtype', async () => {
  for (const to of integerDtypes) {
    const made = await values('float32', to, Float32Array.of(0, 100))
    assert.deepEqual([made.dtype, [...made.data].map(Number)], [to, [0, 100]])
  }
  assert.deepEqual([...(await values('int64', 'int32', BigInt64Array.of(-(2n ** 31n), 5n))).data], [-(2 ** 31), 5])
  assert.deepEqual([...(await values('uint8', 'int64', Uint8Array.of(255, 0))).data], [255n, 0n])
  const refused = (dtype: string, to: string, array: { readonly buffer: ArrayBufferLike }, message: RegExp) =>
    assert.rejects(values(dtype, to, array), { code: 'bad-sample', message })
  await refused('int64', 'int32', BigInt64Array.of(0n, 2n ** 31n), /sample "a" holds 2147483648 at 1, which int32 does not hold/)
  await refused('float32', 'int32', Float32Array.of(1.5, 0), /holds 1\.5 at 0/)
  await refused('float32', 'uint8', Float32Array.of(0, -1), /holds -1 at 1/)
  await refused('float32', 'int8', Float32Array.of(Number.NaN, 0), /holds NaN/)
  await refused('float64', 'float32', Float64Array.of(1e300, 0), /holds 1e\+300/)
  const padded = { ops: [{ op: 'tensor', dtype: 'int64', shape: [1], series: true }, { op: 'pad', length: 3, value: -1, output: 'none' }, { op: 'dtype', dtype: 'int32' }] } as const // prettier-ignore
  assert.deepEqual([...(await tensorOf(runValues(padded, [sample(BigInt64Array.of(7n))]))).data], [7, -1, -1])
  const odd = {
    ops: [
      { op: 'tensor', dtype: 'int64', shape: [1], series: true },
      { op: 'pad', length: 3, value: 0.5 },
    ],
  } as const
  await assert.rejects(runValues(odd, [sample(BigInt64Array.of(7n))]), { code: 'invalid-argument', message: /pad\.value 0\.5 is no int64/ })
})

test('tokens become whole numbers of another dtype, and pixels do not', async () => {
  const text = (dtype: DType) => ({ ops: [{ op: 'tokenize', level: 'byte' }, { op: 'pad', length: 3, output: 'none' }, { op: 'dtype', dtype }] }) // prettier-ignore
  const run = async (dtype: DType, word: string) => {
    const spec: unknown = text(dtype)
    checkPipeline(spec)
    return tensorOf(runText(spec, [{ id: 'b', bytes: Buffer.from(word) }], undefined))
  }
  assert.deepEqual([(await run('int32', 'hi')).dtype, [...(await run('int32', 'hi')).data]], ['int32', [106, 107, 0]])
  await assert.rejects(run('int8', '~'), { code: 'bad-sample', message: /sample "b" holds 128 at 0, which int8 does not hold/ })
  for (const [spec, message] of [
    [text('float32'), /tokens become one of uint8.*not float32/],
    [{ ops: [{ op: 'decode' }, { op: 'dtype', dtype: 'int32' }] }, /pixels become one of.*not int32/],
    [{ ops: [{ op: 'tensor', dtype: 'float32', shape: [1] }, { op: 'standardize', mean: 0, std: 1 }, { op: 'dtype', dtype: 'int32' }] }, /no whole numbers/], // prettier-ignore
  ] as const)
    assert.throws(() => checkPipeline(spec), { code: 'invalid-argument', message })
})
