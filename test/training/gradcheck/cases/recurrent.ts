import type { Value } from '../../../../src/graph/builder.ts'
import { type Draw, type Kind, smooth } from '../case.ts'

/**
 * Not 2 and 3: of those a thread's share is one row, which onnxruntime's LSTM multiplies by another kernel where weights are
 * fed, so that two threads give other bits than one.
 */
const BATCHES = [1, 4, 5] as const

const layer = (op: 'LSTM' | 'GRU', gates: number): Kind =>
  smooth((draw: Draw) => {
    const [length, batch, inputs, hidden] = [draw.int(1, 4), draw.pick(...BATCHES), draw.int(1, 3), draw.int(1, 3)]
    const direction = draw.pick(undefined, 'forward', 'reverse', 'bidirectional')
    const d = direction === 'bidirectional' ? 2 : 1
    const small = { low: -1, high: 1, apart: [] }
    const optional = (shape: readonly number[]) => draw.maybe(() => draw.input(shape, small))
    const given: (Value | undefined)[] = [
      draw.input([length, batch, inputs], small),
      draw.input([d, gates * hidden, inputs], small),
      draw.input([d, gates * hidden, hidden], small),
      optional([d, 2 * gates * hidden]),
      draw.maybe(() => lengths(draw, batch, length)),
      optional([d, batch, hidden]),
    ]
    if (op === 'LSTM') given.push(optional([d, batch, hidden]), draw.int(0, 2) === 0 ? draw.input([d, 3 * hidden], small) : undefined)
    while (given.at(-1) === undefined) given.pop()
    const before = op === 'GRU' ? draw.pick(undefined, 0, 1) : undefined
    const count = op === 'LSTM' ? 3 : 2
    const names = Array.from({ length: count }, (_, i): string => (draw.int(0, 2) > 0 ? `y${i}` : ''))
    if (!names.some(Boolean)) names[0] = 'y0'
    while (names.at(-1) === '') names.pop()
    const attributes = { hidden_size: hidden, direction, linear_before_reset: before }
    return draw.of(...draw.b.ops(op, given, attributes, { outputs: names }))
  })

/** A length for each sequence, one at least of the whole. */
const lengths = (draw: Draw, batch: number, most: number): Value => {
  const whole = draw.below(batch)
  const values = Array.from({ length: batch }, (_, n) => (n === whole ? most : 1 + draw.below(most)))
  return draw.int32(values)
}

export const recurrent: Readonly<Record<string, Kind>> = { LSTM: layer('LSTM', 4), GRU: layer('GRU', 3) }
