import { dtypeOfCode, type Family, type Op } from './call.ts'
import { fromTensor, item, make, nd, numbersOf, scalarOf } from './nd.ts'

const constant: Op = (call) => {
  const value = call.tensor('value')
  if (value !== undefined) return [fromTensor(value)]
  const { attributes } = call.node
  if (attributes['value_float']) return [nd('float32', [], [call.float('value_float', 0)])]
  if (attributes['value_int']) return [nd('int64', [], [call.int('value_int', 0)])]
  const floats = call.floats('value_floats')
  if (floats) return [nd('float32', [floats.length], floats)]
  const ints = call.ints('value_ints')
  if (ints) return [nd('int64', [ints.length], ints)]
  return call.refuse('this kind of constant')
}

const constantOfShape: Op = (call) => {
  const value = call.tensor('value')
  const fill = value ? fromTensor(value) : nd('float32', [1], [0])
  return [make(fill.dtype, numbersOf(call.get(0)), () => scalarOf(fill))]
}

const range: Op = (call) => {
  const [start, limit, step] = [call.get(0), call.get(1), call.get(2)].map(scalarOf)
  const first = start ?? 0
  const delta = step ?? 1
  return [make(call.get(0).dtype, [Math.max(0, Math.ceil(((limit ?? 0) - first) / delta))], (_, i) => first + i * delta)]
}

const eyeLike: Op = (call) => {
  const { dtype, shape } = call.get(0)
  const given = call.int('dtype', 0)
  const k = call.int('k', 0)
  return [make(given === 0 ? dtype : dtypeOfCode(given), shape, (at) => (item(at, 1) - item(at, 0) === k ? 1 : 0))]
}

/** What makes tensors of nothing but attributes and shapes. */
export const making: Family = { Constant: constant, ConstantOfShape: constantOfShape, Range: range, EyeLike: eyeLike }
