import { GraphBuilder, type Value } from '../../../src/graph/builder.ts'
import type { Rule, RuleContext } from '../../../src/training/rules/rule.ts'
import { rules } from '../../../src/training/rules/table.ts'
import { type CheckOptions, LOSS } from './check.ts'
import { gradcheck } from './gradcheck.ts'

/** A way to break a rule on purpose. */
export interface Mutation {
  readonly name: string
  /** The rule with the fault; it calls `applied` whenever the fault changes something. */
  readonly broken: (rule: Rule, applied: () => void) => Rule
}

/** A builder that makes another operator of one while a broken rule is at work. */
class MutatingBuilder extends GraphBuilder {
  swap: { readonly from: string; readonly to: string; readonly applied: () => void } | undefined
  override node(node: Parameters<GraphBuilder['node']>[0]): readonly Value[] {
    if (this.swap === undefined || this.swap.from !== node.op) return super.node(node)
    this.swap.applied()
    return super.node({ ...node, op: this.swap.to })
  }
}

const size = ({ shape }: Value): number => shape.reduce<number>((product, side) => product * Number(side), 1)
const times = ({ b }: RuleContext, gradient: Value, factor: number): Value => b.op('Mul', [gradient, b.scalar(factor)])
const reversed = ({ b }: RuleContext, gradient: Value): Value | undefined => {
  if (size(gradient) < 2) return undefined
  const flat = b.op('Reshape', [gradient, b.ints(-1)])
  const turned = b.op('Slice', [flat, b.ints(-1), b.ints(-(2 ** 31)), b.ints(0), b.ints(-1)])
  return b.op('Reshape', [turned, b.ints(...gradient.shape.map(Number))])
}

/** Changes the gradient of one input. */
const ofGradient = (what: string, input: number, change: (ctx: RuleContext, gradient: Value) => Value | undefined): Mutation => ({
  name: `gradient ${input} ${what}`,
  broken: (rule, applied) => (ctx) =>
    rule(ctx).map((gradient, i) => {
      if (i !== input || gradient === undefined || ctx.needs[i] !== true || gradient.dtype !== 'float32') return gradient
      const changed = change(ctx, gradient)
      if (changed === undefined) return gradient
      applied()
      return changed
    }),
})

/** Makes another operator of each of a kind that the rule adds. */
const ofNodes = (from: string, to: string): Mutation => ({
  name: `${to} instead of ${from}`,
  broken: (rule, applied) => (ctx) => {
    const { b } = ctx
    if (!(b instanceof MutatingBuilder)) throw new Error('a broken rule needs a mutating builder')
    b.swap = { from, to, applied }
    try {
      return rule(ctx)
    } finally {
      b.swap = undefined
    }
  },
})

/** Inputs of an operator that may have a gradient: a LSTM has the most. */
const INPUTS = [0, 1, 2, 3, 4, 5, 6, 7]

export const mutations: readonly Mutation[] = [
  ...INPUTS.flatMap((input) => [
    ofGradient('scaled by 1.01', input, (ctx, gradient) => times(ctx, gradient, 1.01)),
    ofGradient('of the wrong sign', input, (ctx, gradient) => times(ctx, gradient, -1)),
    ofGradient('dropped', input, (ctx, gradient) => times(ctx, gradient, 0)),
    ofGradient('in reverse order', input, reversed),
  ]),
  ofNodes('ReduceSum', 'ReduceMean'),
  ofNodes('ReduceMean', 'ReduceSum'),
  ofNodes('Sub', 'Add'),
  ofNodes('Neg', 'Identity'),
  ofNodes('Div', 'Mul'),
]

/** What came of a broken rule. */
export interface MutantOutcome {
  readonly op: string
  readonly mutation: string
  /** `found`: a case shows the fault; `survived`: none does; `idle`: in no case does it change anything. */
  readonly end: 'found' | 'survived' | 'idle'
  readonly runs: number
}

const MORE = 8

/** Breaks an operator's rule in one way, and looks whether its cases show it. Float64 alone decides: that is the sharper check. */
export const tryMutant = async (
  op: string,
  mutation: Mutation,
  { runs, seed }: { readonly runs: number; readonly seed: number },
): Promise<MutantOutcome> => {
  const rule = rules[op]
  if (rule === undefined) throw new Error(`there is no rule for ${op}`)
  let times = 0
  const broken = mutation.broken(rule, () => times++)
  const options: CheckOptions = {
    // The loss keeps the rules as they are: two wrong signs would make a right one.
    rules: { ...rules, [op]: (ctx) => (ctx.node.name.startsWith(LOSS) ? rule : broken)(ctx) },
    builder: (of) => new MutatingBuilder(of),
    ort: false,
  }
  const drawn = async (count: number, from: number) => gradcheck(op, { ...options, runs: count, seed: from, shrink: false })
  let outcome = await drawn(runs, seed)
  // A fault that few cases reach gets more of them: a gradient of the third of three inputs may be zero in each of those few.
  if (outcome.failed === undefined && times > 0) outcome = await drawn(runs * MORE, seed + 1)
  const found = outcome.failed !== undefined && times > 0
  return { op, mutation: mutation.name, end: found ? 'found' : times > 0 ? 'survived' : 'idle', runs: outcome.runs }
}

const TIES = 'it divides by how many are the greatest, which is 1: at a tie there is no derivative to compare with, so none is drawn'
/** Mutants that change nothing which could be seen, each with its reason. */
export const equivalent: Readonly<Record<string, string>> = Object.fromEntries(
  ['Min', 'Max', 'ReduceMin', 'ReduceMax', 'GlobalMaxPool'].map((op) => [`${op}: Mul instead of Div`, TIES]),
)
