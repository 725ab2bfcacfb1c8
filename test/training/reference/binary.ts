import { type Call, dtypeOfCode, type Family, type Op } from './call.ts'
import { broadcast, fit, FLOATS, item, make, type Nd, readBroadcast, scalarOf } from './nd.ts'

const mod = (a: number, b: number, call: Call): number => {
  const rest = a % b
  if (call.flag('fmod')) return rest
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest
}

/** Functions of two elements; `whole` where both are whole numbers. */
const functions: Readonly<Record<string, (a: number, b: number, whole: boolean, call: Call) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b, whole) => (whole ? Math.trunc(a / b) : a / b),
  Pow: (a, b, whole) => (whole ? Math.trunc(a ** b) : a ** b),
  Mod: (a, b, _, call) => mod(a, b, call),
  PRelu: (x, slope) => (x < 0 ? slope * x : x),
}
const tests: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  Equal: (a, b) => a === b,
  Less: (a, b) => a < b,
  Greater: (a, b) => a > b,
  LessOrEqual: (a, b) => a <= b,
  GreaterOrEqual: (a, b) => a >= b,
  And: (a, b) => a !== 0 && b !== 0,
  Or: (a, b) => a !== 0 || b !== 0,
  Xor: (a, b) => (a !== 0) !== (b !== 0),
}
/** Functions of any number of elements at the same place. */
const variadic: Readonly<Record<string, (values: readonly number[]) => number>> = {
  Min: (values) => Math.min(...values),
  Max: (values) => Math.max(...values),
  Sum: (values) => values.reduce((sum, value) => sum + value, 0),
  Mean: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
}

/** A float as another dtype; whole numbers are cut off, then wrapped around. */
const cast = (from: Nd, dtype: Nd['dtype']): Nd => {
  const cut = FLOATS.has(from.dtype) && !FLOATS.has(dtype) && dtype !== 'bool'
  return make(dtype, from.shape, (_, place) => {
    const value = item(from.data, place)
    return cut ? fit(dtype, Math.trunc(value)) : value
  })
}

const clip: Op = (call) => {
  const x = call.get(0)
  const [low, high] = [call.maybe(1), call.maybe(2)].map((bound) => bound && scalarOf(bound))
  return [make(x.dtype, x.shape, (_, place) => Math.min(Math.max(item(x.data, place), low ?? -Infinity), high ?? Infinity))]
}

const where: Op = (call) => {
  const [condition, a, b] = [call.get(0), call.get(1), call.get(2)]
  const shape = broadcast(condition.shape, a.shape, b.shape)
  return [make(a.dtype, shape, (at) => readBroadcast(readBroadcast(condition, at) === 0 ? b : a, at))]
}

const family: Record<string, Op> = {
  Clip: clip,
  Where: where,
  Cast: (call) => [cast(call.get(0), dtypeOfCode(call.int('to', 0)))],
  CastLike: (call) => [cast(call.get(0), call.get(1).dtype)],
}
for (const [op, apply] of Object.entries(functions)) {
  family[op] = (call) => {
    const [a, b] = [call.get(0), call.get(1)]
    const whole = !FLOATS.has(a.dtype)
    const element = (at: readonly number[]) => apply(readBroadcast(a, at), readBroadcast(b, at), whole, call)
    return [make(a.dtype, broadcast(a.shape, b.shape), element)]
  }
}
for (const [op, apply] of Object.entries(tests)) {
  family[op] = (call) => {
    const [a, b] = [call.get(0), call.get(1)]
    return [make('bool', broadcast(a.shape, b.shape), (at) => (apply(readBroadcast(a, at), readBroadcast(b, at)) ? 1 : 0))]
  }
}
for (const [op, apply] of Object.entries(variadic)) {
  family[op] = (call) => {
    const all = call.all()
    return [make(call.get(0).dtype, broadcast(...all.map(({ shape }) => shape)), (at) => apply(all.map((x) => readBroadcast(x, at))))]
  }
}
/** Arithmetic with broadcasting, comparisons, logic, and what chooses between elements. */
export const binary: Family = family
