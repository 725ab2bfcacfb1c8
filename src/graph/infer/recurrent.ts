import type { ValueType } from '../graph.ts'
import type { InferRule } from './context.ts'
import { wanted } from './context.ts'
import { equalSide } from './shapes.ts'

/** Gates of each cell: how many times its weights hold the hidden size. */
const gates = { RNN: 1, GRU: 3, LSTM: 4 } as const

const recurrent =
  (op: keyof typeof gates): InferRule =>
  (at) => {
    const x = at.rank(0, 3)
    const [w, r] = [at.rank(1, 3), at.rank(2, 3)]
    at.sameDType(x, w, r, at.optional(3), at.optional(5))
    if (at.has(4)) at.wants(4, 'int32')
    const batchFirst = at.opset >= 14 && at.int('layout', 0) === 1
    const [steps = 1, batch = 1] = batchFirst ? [x.shape[1], x.shape[0]] : x.shape
    const directions = (at.attribute('direction', 'string') ?? 'forward') === 'bidirectional' ? 2 : 1
    const hidden = at.attribute('hidden_size', 'int') ?? r.shape[2] ?? 1
    const [rows, hiddenRows] = [typeof hidden === 'number' ? gates[op] * hidden : undefined, r.shape[2]]
    const fits = (side: ValueType['shape'][number] | undefined, expected: ValueType['shape'][number] | undefined) =>
      side === undefined || expected === undefined || equalSide(side, expected) !== undefined
    if (
      !fits(w.shape[0], directions) ||
      !fits(w.shape[1], rows) ||
      !fits(r.shape[1], rows) ||
      !fits(hiddenRows, hidden) ||
      !fits(w.shape[2], x.shape[2])
    )
      throw at.wrong(
        `its weights do not fit ${directions} direction(s), hidden size ${hidden} and ${x.shape[2]} features`,
        `W is [directions, ${gates[op]} hidden, features], R [directions, ${gates[op]} hidden, hidden]`,
      )
    if (at.has(3) && !fits(at.rank(3, 2).shape[1], rows === undefined ? undefined : 2 * rows))
      throw at.wrong('its bias does not fit its hidden size', `B is [directions, ${2 * gates[op]} hidden]`)
    const last: ValueType = { dtype: x.dtype, shape: batchFirst ? [batch, directions, hidden] : [directions, batch, hidden] }
    const all: ValueType = { dtype: x.dtype, shape: batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden] }
    return wanted(at, [all, last, ...(op === 'LSTM' ? [last] : [])])
  }

export const recurrences: Readonly<Record<string, InferRule>> = { RNN: recurrent('RNN'), GRU: recurrent('GRU'), LSTM: recurrent('LSTM') }
