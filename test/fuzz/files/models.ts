import { Tensor } from '../../../src/core/tensor.ts'
import { type DataOf, type DType, dtypes, isDType } from '../../../src/core/dtype.ts'
import type { TensorSpec } from '../../../src/core/self.ts'
import { remoteOf } from '../../../src/core/remote.ts'
import { model } from '../../../src/objects/model/model.ts'
import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { createHostOver } from '../../storage-node/host-over.ts'
import { diceFor } from '../dice.ts'
import { blindly, mutated } from './bytes.ts'
import { onnxChanges } from './onnx-changes.ts'
import { onnxSeeds } from './onnx-seeds.ts'
import type { Input, Session } from './format.ts'

/** A host in this process, and models of it. */
export const openHost = () => {
  const host = createHostOver(memoryStore(), [])
  const transport = () => host
  return { of: (id: string) => remoteOf(model, id, transport), close: () => host.close() }
}

/** A tensor of a dtype, filled by a function of the place. */
export const tensorOf = (dtype: DType, shape: readonly number[], value: (index: number) => number | bigint | string): Tensor => {
  const count = shape.reduce((product, side) => product * side, 1)
  const { array, bits } = dtypes[dtype]
  if (array === 'string[]') return new Tensor('string', Array.from({ length: count }, (_, index) => String(value(index))), shape) // prettier-ignore
  const data = new array(bits === 4 ? Math.ceil(count / 2) : count)
  for (let index = 0; index < data.length; index++) {
    const given = value(index)
    data[index] = (data instanceof BigInt64Array || data instanceof BigUint64Array ? BigInt(given) : Number(given)) as never
  }
  return new Tensor<DType>(dtype, data as DataOf<DType>, shape)
}

const MOST_ELEMENTS = 100_000
/** Ones for all inputs, of sides of two where they are open; undefined for inputs that are too large to be made here. */
const ones = (inputs: readonly TensorSpec[]): Record<string, Tensor> | undefined => {
  const feeds: Record<string, Tensor> = {}
  for (const { name, dtype, shape } of inputs) {
    const sides = shape.map((side) => (typeof side === 'number' ? side : 2))
    if (!isDType(dtype) || sides.reduce((product, side) => product * side, 1) > MOST_ELEMENTS) return undefined
    Object.defineProperty(feeds, name, { value: tensorOf(dtype, sides, () => 1), enumerable: true })
  }
  return feeds
}

export const openModels = (): Promise<Session> => {
  const seeds = onnxSeeds()
  const { of, close } = openHost()
  let made = 0
  return Promise.resolve({
    make: (seed, index): Input => {
      const dice = diceFor(seed, index, 'models')
      const { value, names } = mutated(dice.pick(seeds), { dice, own: onnxChanges, blind: blindly, others: seeds })
      return { about: names.join(', '), bytes: value }
    },
    run: async ({ bytes }) => {
      const object = of(`model-${made++ % 4}`)
      const described = await object.put(bytes)
      const feeds = ones(described.inputs)
      if (feeds !== undefined) await object.forward(described, feeds)
      return undefined
    },
    close,
  })
}
