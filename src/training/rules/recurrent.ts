import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { type Direction, type DirectionGradients, directionsOf, withLast } from './directions.ts'
import { gruGradients } from './gru.ts'
import { lstmGradients } from './lstm.ts'
import { attribute, inputOf, type Rule, type RuleContext, type Rules, shapeOf } from './rule.ts'

/** The directions of a gradient below each other again. */
const stacked = (e: Emit, parts: readonly (Value | undefined)[]): Value | undefined => {
  const there = parts.filter((part) => part !== undefined)
  return there.length === 0 ? undefined : e.concat(there.map((part) => e.reshape(part, [1, ...shapeOf(part)])), 0) // prettier-ignore
}

const joined = (ctx: RuleContext, found: readonly DirectionGradients[]): readonly (Value | undefined)[] => {
  const e = new Emit(ctx)
  const { needs } = ctx
  const each = (input: number, of: (gradients: DirectionGradients) => Value | undefined): Value | undefined =>
    needs[input] ? stacked(e, found.map(of)) : undefined
  const x = needs[0] ? e.reshape(e.total(found.map((gradients) => gradients.x)), shapeOf(inputOf(ctx))) : undefined // prettier-ignore
  return [x, each(1, (g) => g.w), each(2, (g) => g.r), each(3, (g) => g.b), undefined, each(5, (g) => g.h0), each(6, (g) => g.c0), each(7, (g) => g.p)] // prettier-ignore
}

const lstm: Rule = (ctx) => {
  const of = (d: Direction): DirectionGradients => {
    const [initial, last, p] = [ctx.inputs[6], ctx.grads[2], ctx.inputs[7]]
    return lstmGradients(d, {
      c0: initial === undefined ? d.e.full(0, d.h0, [d.batch, d.hidden]) : d.part(initial),
      ofCells: withLast(d, undefined, last === undefined ? undefined : d.part(last)),
      p: p === undefined ? undefined : d.part(p),
    })
  }
  return joined(ctx, directionsOf(ctx, ['Sigmoid', 'Tanh', 'Tanh']).map(of)) // prettier-ignore
}

const gru: Rule = (ctx) => {
  const resetAfter = attribute(ctx, 'linear_before_reset', 'int', 0) !== 0
  return joined(ctx, directionsOf(ctx, ['Sigmoid', 'Tanh']).map((d) => gruGradients(d, resetAfter))) // prettier-ignore
}

export const recurrent: Rules = { LSTM: lstm, GRU: gru }
