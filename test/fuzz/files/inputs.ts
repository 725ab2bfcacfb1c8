import { type DType, isDType } from '../../../src/core/dtype.ts'
import type { Value } from '../../../src/core/value.ts'
import type { Tensor } from '../../../src/core/tensor.ts'
import { diceFor, type Dice } from '../dice.ts'
import type { Input, Session } from './format.ts'
import { openHost, tensorOf } from './models.ts'
import { soundModels } from './sound-models.ts'

/** The ends of each dtype, and what lies beside them, as decimal text: numbers do not hold those of 64 bits. */
const floats = ['0', '-0', '1', '-1', 'NaN', 'Infinity', '-Infinity', '1e38', '-1e38', '3.4028234663852886e38', '1e-45', '1e308', '2147483648', '-9223372036854775808', '0.5'] // prettier-ignore
const extremes: Readonly<Partial<Record<DType, readonly string[]>>> = {
  float32: floats,
  float64: floats,
  // Raw bits: zero, one, the largest, infinity, NaN, the smallest.
  float16: ['0', '15360', '31743', '31744', '64512', '32256', '1', '32768'],
  int64: ['0', '1', '-1', '2', '-2', '9223372036854775807', '-9223372036854775808', '4294967296', '-4294967296', '2147483648', '1000000'],
  int32: ['0', '1', '-1', '2', '2147483647', '-2147483648', '65536'],
  int16: ['0', '1', '-1', '32767', '-32768'],
  int8: ['0', '1', '-1', '127', '-128'],
  uint8: ['0', '1', '255', '128'],
  uint16: ['0', '1', '65535'],
  uint32: ['0', '1', '4294967295', '2147483648'],
  uint64: ['0', '1', '18446744073709551615', '9223372036854775808'],
  bool: ['0', '1', '2', '255'],
  string: ['', 'a', '\0', 'x'.repeat(1000), '\u{1f4be}', 'constructor'],
}

interface Fed {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  /** Filled by turns. */
  readonly values: readonly string[]
}
interface Options {
  readonly model: number
  readonly feeds: readonly Fed[]
}

const MOST_ELEMENTS = 50_000
const sidesFor = (stated: readonly (number | string)[], dice: Dice): readonly number[] => {
  const open = dice.pick([0, 1, 2, 3, 5, 17])
  const sides = stated.map((side) => (typeof side === 'string' ? (dice.oneIn(8) ? dice.pick([0, 1, 2, 7, 300]) : open) : dice.oneIn(40) ? dice.pick([0, 1, side + 1]) : side))
  if (dice.oneIn(40)) sides.push(dice.pick([0, 1, 2]))
  if (dice.oneIn(40)) sides.shift()
  return sides.reduce((product, side) => product * side, 1) > MOST_ELEMENTS ? sides.map((side) => Math.min(side, 2)) : sides
} // prettier-ignore

const fedFor = ({ name, dtype, shape }: { name: string; dtype: string; shape: readonly (number | string)[] }, dice: Dice): Fed => {
  const known: readonly string[] = isDType(dtype) ? (extremes[dtype] ?? ['0', '1']) : ['0']
  const values = Array.from({ length: dice.pick([1, 1, 2, 3, 7]) }, () => (dice.oneIn(4) ? String(dice.below(4)) : dice.pick(known)))
  const other = dice.oneIn(50) ? dice.pick(['float32', 'int64', 'int32', 'uint8', 'bool', 'string', 'float16', 'float64'] as const) : dtype
  return { name: dice.oneIn(100) ? dice.pick(['x', 'constructor', '__proto__', '']) : name, dtype: other, shape: sidesFor(shape, dice), values: values.map((text) => (other === dtype ? text : '1')) }
} // prettier-ignore

const tensorFrom = ({ dtype, shape, values }: Fed): Tensor => {
  if (!isDType(dtype)) throw new Error(`"${dtype}" is no dtype`)
  const big = dtype === 'int64' || dtype === 'uint64'
  return tensorOf(dtype, shape, (index) => {
    const text = values[index % values.length] ?? '0'
    return dtype === 'string' ? text : big ? BigInt(text) : Number(text)
  })
}

export const openInputs = async (): Promise<Session> => {
  const { of, close } = openHost()
  const models = soundModels()
  const described: Awaited<ReturnType<ReturnType<typeof of>['put']>>[] = []
  for (const [index, { file }] of models.entries()) described.push(await of(`model-${index}`).put(file))
  return {
    make: (seed, index): Input => {
      const dice = diceFor(seed, index, 'inputs')
      const number = dice.below(models.length)
      const feeds = (described[number]?.inputs ?? []).map((spec) => fedFor(spec, dice))
      const options = { model: number, feeds: (dice.oneIn(60) ? feeds.slice(1) : feeds).map((fed) => ({ ...fed })) }
      return { about: `${models[number]?.name}: ${JSON.stringify(options.feeds).slice(0, 300)}`, bytes: Buffer.alloc(0), options: options as unknown as Value }
    },
    async run({ options }) {
      const { model, feeds } = options as unknown as Options
      const handle = described[model]
      if (handle === undefined) throw new Error('no such model')
      const given = Object.create(null) as Record<string, Tensor>
      for (const fed of feeds) given[fed.name] = tensorFrom(fed)
      await of(`model-${model}`).forward(handle, { ...given })
      return undefined
    },
    close,
  }
} // prettier-ignore
