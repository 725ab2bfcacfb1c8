import { GraphBuilder } from '../../../src/graph/builder.ts'
import type { Dim, Graph } from '../../../src/graph/graph.ts'
import { dropout, embedding, gru, linear, lstm } from '../../../src/graph/layers.ts'

interface CommonOptions {
  readonly cell: 'LSTM' | 'GRU'
  readonly hidden?: number
  readonly layers?: number
  readonly bidirectional?: boolean
  readonly batch?: Dim
  readonly steps?: Dim
  readonly dropout?: number
  readonly seed?: number
}
export interface SequenceClassifierOptions extends CommonOptions {
  readonly classes: number
  /** Numbers at each step; or, with `vocabulary`, the width of a token's embedding. */
  readonly features: number
  /** Tokens that there are: `x` is then int64 [batch, steps]. */
  readonly vocabulary?: number
  /** Whether `lengths` int32 [batch] says how many steps of each sequence count. */
  readonly lengths?: boolean
}
export interface ForecasterOptions extends CommonOptions {
  readonly features: number
  /** Steps ahead, and series that are forecast: `forecast` is [batch, horizon, targets]. */
  readonly horizon?: number
  readonly targets?: number
}

const cells = { LSTM: lstm, GRU: gru } as const

/** Sequences to classes by their last state: `x` [batch, steps, features] to `logits` [batch, classes]. */
export const sequenceClassifier = (options: SequenceClassifierOptions): Graph => {
  const {
    cell,
    classes,
    features,
    vocabulary,
    hidden = 64,
    layers = 1,
    bidirectional = false,
    batch = 'N',
    steps = 'T',
    seed = 0,
  } = options
  const b = new GraphBuilder({ name: `${cell.toLowerCase()}-classifier` })
  const context = { b, seed }
  const given = vocabulary === undefined ? b.input('x', 'float32', [batch, steps, features]) : b.input('x', 'int64', [batch, steps])
  const x = vocabulary === undefined ? given : embedding(context, 'embedding', given, vocabulary, features)
  const lengths = options.lengths === true ? b.input('lengths', 'int32', [batch]) : undefined
  const { last } = cells[cell](context, 'rnn', x, { hidden, layers, bidirectional, ...(lengths && { lengths }) })
  b.output(linear(context, 'fc', dropout(context, last, options.dropout ?? 0), classes), 'logits')
  return b.build()
}

/** Sequences to what comes next: `x` [batch, steps, features] to `forecast` [batch, horizon, targets]. */
export const forecaster = (options: ForecasterOptions): Graph => {
  const {
    cell,
    features,
    horizon = 1,
    targets = features,
    hidden = 64,
    layers = 1,
    bidirectional = false,
    batch = 'N',
    steps = 'T',
    seed = 0,
  } = options
  const b = new GraphBuilder({ name: `${cell.toLowerCase()}-forecaster` })
  const context = { b, seed }
  const x = b.input('x', 'float32', [batch, steps, features])
  const { last } = cells[cell](context, 'rnn', x, { hidden, layers, bidirectional })
  const flat = linear(context, 'fc', dropout(context, last, options.dropout ?? 0), horizon * targets)
  b.output(b.op('Reshape', [flat, b.ints(0, horizon, targets)]), 'forecast')
  return b.build()
}
