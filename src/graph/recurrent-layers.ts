import type { GraphBuilder, Value } from './builder.ts'
import { uniform } from './initial.ts'
import { failure } from '../core/errors.ts'

export interface RecurrentOptions {
  readonly hidden: number
  /** Default 1. */
  readonly layers?: number
  readonly bidirectional?: boolean
  /** int32 [batch]: steps of each sequence that count. Default all. */
  readonly lengths?: Value
}
export interface Recurrent {
  /** [batch, steps, directions * hidden] of the last layer. */
  readonly all: Value
  /** [batch, directions * hidden]: the last step's, of the last layer. */
  readonly last: Value
}

/** Gates of a cell in PyTorch's order by ONNX's: input, forget, cell, output there; input, output, forget, cell here. */
const orders = { LSTM: [0, 3, 1, 2], GRU: [1, 0, 2] } as const

/** Weights in PyTorch's layout and order, [gates * hidden, n], as ONNX takes them. */
const reordered = (b: GraphBuilder, cell: keyof typeof orders, weights: Value): Value => {
  const order = orders[cell]
  const parts = b.ops('Split', [weights], { axis: 0, num_outputs: order.length }, { outputs: order.length })
  return b.op('Concat', order.map((gate) => parts[gate]), { axis: 0 }) // prettier-ignore
}

/**
 * Layers of LSTM or GRU cells over sequences [batch, steps, features]. Weights have PyTorch's names, layout and order of
 * gates, so that they can be exchanged; the graph puts them in ONNX's.
 */
export const recurrent = (
  { b, seed }: { readonly b: GraphBuilder; readonly seed: number },
  cell: keyof typeof orders,
  name: string,
  x: Value,
  { hidden, layers = 1, bidirectional = false, lengths }: RecurrentOptions,
): Recurrent => {
  const suffixes = bidirectional ? ['', '_reverse'] : ['']
  const width = suffixes.length * hidden
  const rows = orders[cell].length * hidden
  const bound = 1 / Math.sqrt(hidden)
  let steps = b.op('Transpose', [x], { perm: [1, 0, 2] })
  let last: Value | undefined
  for (let layer = 0; layer < layers; layer++) {
    const features = steps.shape[2]
    if (typeof features !== 'number')
      throw failure('invalid-argument', `${name}: the features of "${x.name}" are open, and its weights depend on them: give them a length`)
    const of = (kind: string, shape: readonly number[], parts: (weights: readonly Value[]) => Value = ([only]) => only ?? x): Value => {
      const directions = suffixes.map((suffix) => {
        const weights = kind.split(' ').map((each) => {
          const own = `${name}.${each}_l${layer}${suffix}`
          return reordered(b, cell, b.initializer(own, uniform(seed, own, shape, bound)))
        })
        return b.op('Unsqueeze', [parts(weights), b.ints(0)])
      })
      return directions.length === 1 ? (directions[0] ?? x) : b.op('Concat', directions, { axis: 0 })
    }
    const w = of('weight_ih', [rows, features])
    const r = of('weight_hh', [rows, hidden])
    const bias = of('bias_ih bias_hh', [rows], (both) => b.op('Concat', both, { axis: 0 }))
    const attributes = {
      hidden_size: hidden,
      direction: bidirectional ? 'bidirectional' : 'forward',
      ...(cell === 'GRU' && { linear_before_reset: 1 }),
    }
    const [all, end] = b.ops(cell, [steps, w, r, bias, lengths], attributes, { outputs: 2, name: `${name}.${layer}` })
    if (all === undefined || end === undefined) break
    // [steps, directions, batch, hidden] and [directions, batch, hidden], with the directions side by side.
    steps = bidirectional
      ? b.op('Reshape', [b.op('Transpose', [all], { perm: [0, 2, 1, 3] }), b.ints(0, 0, width)])
      : b.op('Squeeze', [all, b.ints(1)])
    last = bidirectional
      ? b.op('Reshape', [b.op('Transpose', [end], { perm: [1, 0, 2] }), b.ints(0, width)])
      : b.op('Squeeze', [end, b.ints(0)])
  }
  return { all: b.op('Transpose', [steps], { perm: [1, 0, 2] }), last: last ?? steps }
}
