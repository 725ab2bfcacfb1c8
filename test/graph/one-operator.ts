import { Tensor } from '../../src/core/tensor.ts'
import type { Plain } from '../../src/graph/attributes.ts'
import { GraphBuilder, type Value } from '../../src/graph/builder.ts'
import type { Dim } from '../../src/graph/graph.ts'

export type Input = readonly Dim[] | Tensor | readonly number[] | undefined
/** Whole numbers as a constant input. */
export const ints = (...values: readonly number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length])

/** One operator over float32 inputs of these shapes, and constants. */
export const built = (op: string, inputs: readonly Input[], attributes: Readonly<Record<string, Plain>> = {}, outputs = 1) => {
  const b = new GraphBuilder()
  const values = inputs.map((input, i): Value | undefined => {
    if (input === undefined) return undefined
    return input instanceof Tensor ? b.constant(input) : b.input(`x${i}`, 'float32', input)
  })
  return { b, outputs: b.ops(op, values, attributes, { outputs, name: 'here' }) }
}
