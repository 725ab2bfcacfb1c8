import { failure } from '../../core/errors.ts'
import type { Value } from '../../graph/builder.ts'
import type { Node } from '../../graph/graph.ts'
import { Emit } from '../emit.ts'
import { attribute, called, inputOf, range, type RuleContext, shapeOf } from './rule.ts'

/**
 * One direction of a recurrent node as its gradient sees it. All steps lie below each other: what is said to be "in
 * rows" is [steps * batch, ...], a step `batch` rows of it, in the order of time, also where the direction runs backwards.
 */
export interface Direction {
  readonly e: Emit
  readonly node: Node
  /** Its place among the node's directions. */
  readonly place: number
  readonly steps: number
  readonly batch: number
  readonly hidden: number
  /** The steps in the order in which they run. */
  readonly order: readonly number[]
  readonly backwards: boolean
  /** [gates * hidden, inputs] and [gates * hidden, hidden] */
  readonly w: Value
  readonly r: Value
  /** [gates * hidden] each */
  readonly wBias: Value | undefined
  readonly rBias: Value | undefined
  /** Inputs and results, in rows. */
  readonly x: Value
  readonly y: Value
  readonly h0: Value
  /** Gradient of the results, a step each; undefined is zero. */
  readonly ofY: readonly (Value | undefined)[]
  /** 1 for the steps that a sample has, in rows of one column; undefined where each has all. */
  readonly active: Value | undefined
  /** 1 at a sample's step of the latest time. */
  readonly latest: Value | undefined
  /** This direction of another input or gradient [directions, ...]. */
  readonly part: (x: Value) => Value
}

/** Gradients of one direction, each without the axis of directions. */
export interface DirectionGradients {
  readonly x: Value
  readonly w: Value
  readonly r: Value
  readonly b: Value
  readonly h0: Value
  readonly c0?: Value
  readonly p?: Value | undefined
}

const ofBiases = (ctx: RuleContext, e: Emit, part: (x: Value) => Value): readonly [Value | undefined, Value | undefined] => {
  const given = ctx.inputs[3]
  if (given === undefined) return [undefined, undefined]
  const both = part(given)
  const half = (shapeOf(both)[0] ?? 0) / 2
  const [w, r] = e.split(both, 0, [half, half])
  return [w, r]
}

export const directionsOf = (ctx: RuleContext, activations: readonly string[]): readonly Direction[] => {
  const e = new Emit(ctx)
  standardRecurrence(ctx.node, activations)
  const [x, w, r] = [inputOf(ctx, 0), inputOf(ctx, 1), inputOf(ctx, 2)]
  const [steps = 1, batch = 1, inputs = 1] = shapeOf(x)
  const [directions = 1, , hidden = 1] = shapeOf(r)
  const results = ctx.outputs[0] ?? resultsOf(ctx)
  const lengths = ctx.inputs[4]
  const { active, latest } = lengths === undefined ? {} : stepMasks(e, lengths, steps, batch, x)
  return range(directions).map((d) => {
    const part = (value: Value): Value => e.reshape(e.slice(value, 0, d, d + 1), shapeOf(value).slice(1))
    const inRows = (value: Value): Value => e.reshape(e.slice(value, 1, d, d + 1), [steps * batch, hidden])
    const [wBias, rBias] = ofBiases(ctx, e, part)
    const backwards = d === 1 || attribute(ctx, 'direction', 'string', 'forward') === 'reverse'
    const order = backwards ? range(steps).reverse() : range(steps)
    const base = { e, node: ctx.node, place: d, steps, batch, hidden, order, backwards, active, latest, part }
    const [ofAll, ofLast] = ctx.grads
    return {
      ...base,
      w: part(w),
      r: part(r),
      wBias,
      rBias,
      x: e.reshape(x, [steps * batch, inputs]),
      y: inRows(results),
      h0: ctx.inputs[5] === undefined ? e.full(0, x, [batch, hidden]) : part(ctx.inputs[5]),
      ofY: withLast(base, ofAll === undefined ? undefined : inRows(ofAll), ofLast === undefined ? undefined : part(ofLast)),
    }
  })
}

/** Refuses what a recurrent node may have beyond its usual form. */
export const standardRecurrence = (node: Node, expected: readonly string[]): void => {
  const refuse = (what: string): never => {
    throw failure('unsupported', `${called(node)}: there is no gradient for ${what}; export the model without, or freeze what is before it`)
  }
  const given = attribute({ node }, 'activations', 'strings', expected)
  if (given.some((name, i) => name.toLowerCase() !== expected[i % expected.length]?.toLowerCase()))
    refuse(`activations ${given.join(', ')}`)
  if (attribute({ node }, 'clip', 'float', 0) !== 0) refuse('clip')
  if (attribute({ node }, 'layout', 'int', 0) !== 0) refuse('layout 1, the batch before time')
  if (attribute({ node }, 'input_forget', 'int', 0) !== 0) refuse('input_forget')
}

/** A graph that was not lowered may not give the results of all steps: the node is run once more for them. */
const resultsOf = ({ b, node }: RuleContext): Value => {
  const [results] = b.node({ ...node, name: b.fresh(`${node.name}/again`), outputs: [b.fresh(`${node.name}/results`)] })
  if (results === undefined) throw failure('internal', `${called(node)} has no results`)
  return results
}

/** Masks of the steps that each sample has. */
const stepMasks = (
  e: Emit,
  lengths: Value,
  steps: number,
  batch: number,
  like: Value,
): { readonly active: Value; readonly latest: Value } => {
  const wide = e.reshape(e.cast(lengths, 'int64'), [1, batch])
  const column = (mask: Value): Value => e.reshape(e.cast(mask, like.dtype), [steps * batch, 1])
  const at = (from: number): Value => e.reshape(e.indices(range(steps).map((step) => step + from)), [steps, 1]) // prettier-ignore
  return { active: column(e.compare('Less', at(0), wide)), latest: column(e.compare('Equal', at(1), wide)) }
}

type Base = Pick<Direction, 'e' | 'steps' | 'batch' | 'hidden' | 'order' | 'backwards' | 'latest'>

/** Rows as one tensor a step. */
export const stepsOf = ({ e, steps, batch }: Pick<Direction, 'e' | 'steps' | 'batch'>, rows: Value): readonly Value[] =>
  e.split(rows, 0, range(steps).map(() => batch)) // prettier-ignore

/** A state [batch, n] repeated at each step, in rows. */
export const atEachStep = ({ e, steps, batch }: Pick<Direction, 'e' | 'steps' | 'batch'>, state: Value): Value => {
  const [, width = 1] = shapeOf(state)
  return e.reshape(e.expand(state, [steps, batch, width]), [steps * batch, width])
}

/** Sums over steps of rows: [batch, n]. */
export const overSteps = ({ e, steps, batch }: Pick<Direction, 'e' | 'steps' | 'batch'>, rows: Value): Value => {
  const [, width = 1] = shapeOf(rows)
  return e.sum(e.reshape(rows, [steps, batch, width]), [0], false)
}

/** The gradients of each step's state, those of the state that the node gives at the end among them. */
export const withLast = (d: Base, rows: Value | undefined, last: Value | undefined): readonly (Value | undefined)[] => {
  const { e, order, latest, backwards, steps } = d
  if (last === undefined) return rows === undefined ? range(steps).map(() => undefined) : stepsOf(d, rows)
  if (latest !== undefined && !backwards) {
    const spread = e.mul(atEachStep(d, last), latest)
    return stepsOf(d, rows === undefined ? spread : e.add(rows, spread))
  }
  const each: (Value | undefined)[] = rows === undefined ? range(steps).map(() => undefined) : [...stepsOf(d, rows)]
  const end = order.at(-1) ?? 0
  const own = each[end]
  each[end] = own === undefined ? last : e.add(own, last)
  return each
}

/** What each step began with, in rows: the state of the step that ran before it. */
export const before = (d: Direction, rows: Value, initial: Value): Value => {
  const { e, steps, batch, backwards, latest } = d
  if (!backwards) return steps === 1 ? initial : e.concat([initial, e.slice(rows, 0, 0, (steps - 1) * batch)], 0)
  const rest = steps === 1 ? [] : [e.slice(rows, 0, batch, steps * batch)]
  if (latest === undefined) return e.concat([...rest, initial], 0)
  // The step that a sample begins with follows on padding, whose results are zeros.
  return e.add(e.concat([...rest, e.full(0, initial)], 0), e.mul(atEachStep(d, initial), latest))
}

export const masked = ({ e, active }: Direction, rows: Value): Value => (active === undefined ? rows : e.mul(rows, active))

/** Whether a sample's first step differs from sample to sample. */
export const startsAnywhere = ({ backwards, latest }: Direction): boolean => backwards && latest !== undefined

/**
 * What the node is called that computes a direction's sums again, before its gates: where the forward node is unrolled,
 * they are there.
 */
export const sumsOf = ({ name }: { readonly name: string }, place: number): string => `${name}/sums/${place}`
