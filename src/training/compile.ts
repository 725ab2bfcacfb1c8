import { bind, openSides } from '../graph/bind.ts'
import { GraphBuilder, type Value } from '../graph/builder.ts'
import { fold } from '../graph/fold.ts'
import type { Graph, ValueType } from '../graph/graph.ts'
import { prune } from '../graph/prune.ts'
import { builderOf } from '../graph/rebuild.ts'
import { share } from '../graph/share.ts'
import { type Activations, withinBudget } from './budget.ts'
import { Emit } from './emit.ts'
import { gradientGraph } from './gradient.ts'
import { addLosses, type Classes } from './loss.ts'
import { lowered } from './lower.ts'
import { type DropoutMask, trainingMode } from './modes.ts'
import { gradientOf, nextOf, NORM, numbers, shareOf, told } from './names.ts'
import { partition } from './partition.ts'
import type { Prepared } from './prepare.ts'
import { unrolled } from './unroll.ts'
import { addNorm, addUpdates, isInPlace } from './updates.ts'

/**
 * `gradients`: those of a batch, their norm and the loss. `sums`: they are added to what earlier batches gave, for several
 * batches to a step or several nodes. `norm`: that of such sums. `apply`: the update, by gradients or sums of them.
 * `evaluate`: the model as it is in use, with its loss. `predict`: without. `forward` and `backward`: `sums` in two runs,
 * for a model whose loss is elsewhere.
 *
 * Gradients and update are two runs so that a step that came to no number changes nothing, and so that the update can
 * write parameters where they are: nothing else reads them then.
 */
export type Variant = 'gradients' | 'sums' | 'norm' | 'apply' | 'evaluate' | 'predict' | 'forward' | 'backward'
type Differentiating = 'gradients' | 'sums' | 'forward' | 'backward'

/** A graph that onnxruntime runs, and what its inputs and outputs stand for. */
export interface Compiled {
  readonly graph: Graph
  /** What a batch brings: the model's inputs, and the targets. */
  readonly feeds: ReadonlyMap<string, ValueType>
  /** For targets that are classes, how many there are, and the number that stands for none. */
  readonly classes: ReadonlyMap<string, Classes>
  readonly masks: readonly DropoutMask[]
  /** State that the run reads, by name, and where it changes the output that gives its next value. */
  readonly state: ReadonlyMap<string, Changing>
  /** Gradients or sums of them, by parameter: what reads them, and what gives them. */
  readonly gradients: ReadonlyMap<string, { readonly input?: string; readonly next?: string }>
  readonly scalars: readonly string[]
  /** Where they have a budget: a graph that computes some again must not have its equal nodes joined. */
  readonly activations?: Activations
  /** What `forward` gives, and `backward` takes. */
  readonly kept?: readonly string[]
}
export interface Changing {
  readonly next?: string
  /** Whether the next value may be written over this one while the run goes on. */
  readonly inPlace?: boolean
}

/** Makes the graph of one kind of run, for given lengths of the model's open sides. */
export const compile = (prepared: Prepared, variant: Variant, sides: Readonly<Record<string, number>>): Compiled => {
  if (variant === 'apply' || variant === 'norm') return ofGradients(prepared, variant)
  const open = openSides(prepared.graph)
  const bound = bind(prepared.graph, Object.fromEntries(Object.entries(sides).filter(([name]) => open.includes(name))))
  return variant === 'evaluate' || variant === 'predict' ? using(prepared, bound, variant) : differentiating(prepared, bound, variant)
}

/** The part of a graph that these outputs need, each sub-expression once. */
const finished = (graph: Graph, keep: readonly string[]): Graph => {
  const outputs = new Map([...graph.outputs].filter(([name]) => keep.includes(name)))
  return prune(share(fold({ ...graph, outputs })))
}

const scalarsOf = ({ inputs }: Graph, { losses }: Prepared): readonly string[] =>
  [...numbers, ...losses.map((_, place) => shareOf(place))].filter((name) => inputs.has(name))
/** State that a graph reads; that it changes where an output is named. */
const stateOf = ({ initial }: Prepared, { inputs }: Graph, next: ReadonlyMap<string, Changing> = new Map()): Compiled['state'] =>
  new Map([...initial.keys()].filter((name) => inputs.has(name)).map((name) => [name, next.get(name) ?? {}]))

const feedsOf = ({ initial }: Prepared, model: Graph, targets: readonly Value[]): ReadonlyMap<string, ValueType> =>
  new Map([
    ...[...model.inputs].filter(([name]) => !initial.has(name)),
    ...targets.map(({ name, dtype, shape }) => [name, { dtype, shape }] as const),
  ])

const using = (prepared: Prepared, bound: Graph, variant: 'evaluate' | 'predict'): Compiled => {
  const b = builderOf(fold(bound, { inference: true }))
  const outputs = [...bound.outputs.keys()]
  const { targets, classes } =
    variant === 'evaluate' ? addLosses(b, prepared.losses, outputs) : { targets: [], classes: new Map<string, Classes>() }
  const graph = finished(b.build(), [...outputs, ...told])
  const feeds = feedsOf(prepared, bound, targets)
  return { graph, feeds, classes, masks: [], state: stateOf(prepared, graph), gradients: new Map(), scalars: [] }
}

const differentiating = (prepared: Prepared, bound: Graph, variant: Differentiating): Compiled => {
  const { trainable, losses, options } = prepared
  const { activationBytes, inputGradients = [] } = options
  // What comes before an input moves with it.
  const of = [...trainable, ...inputGradients]
  // What the graph computes of shapes is known from here on: the ends of a Slice, of which rules ask that they are.
  const model = fold(bound)
  const mode = trainingMode(model, { trains: ({ name }) => prepared.modes.training.has(name) })
  const b = builderOf(lowered(mode.graph, of))
  const { total, targets, classes } = addLosses(b, losses, [...bound.outputs.keys()], { shared: variant !== 'gradients' })
  const all = gradientGraph(b, { loss: total.name, of, padding: prepared.padding })
  const found = new Map([...all].filter(([name]) => trainable.includes(name)))
  const parted = variant === 'forward' || variant === 'backward'
  const keep: string[] = parted ? [...bound.outputs.keys(), NORM] : [...told]
  const give = (value: Value, name: string) => {
    b.output(value, name)
    keep.push(name)
    return { next: name }
  }
  const next = new Map([...mode.statistics].map(([name, output]) => [name, give(b.value(output), nextOf(name))]))
  const gradients: Compiled['gradients'] =
    variant === 'gradients'
      ? new Map([...found].map(([name, gradient]) => [name, give(gradient, gradientOf(name))]))
      : new Map([...addSums(b, found)].map(([name, sum]) => [name, { input: gradientOf(name), ...give(sum, nextOf(gradientOf(name))) }]))
  if (variant === 'sums') for (const [name, value] of all) if (inputGradients.includes(name)) give(value, gradientOf(name))
  b.output(addNorm(b, found), NORM)
  const whole = finished(unrolled(b.build()), keep)
  const forward = parted ? [...bound.outputs.keys()] : told.filter((name) => name !== NORM)
  const ends = [...forward, ...[...next.values()].map(({ next: name }) => name)]
  const budgeted = activationBytes === undefined ? undefined : withinBudget(whole, ends, activationBytes)
  const graph = budgeted?.graph ?? whole
  const feeds = feedsOf(prepared, bound, targets)
  const rest = { classes, masks: mode.masks, ...(budgeted !== undefined && { activations: budgeted.activations }) }
  if (!parted) return { ...rest, graph, feeds, state: stateOf(prepared, graph, next), gradients, scalars: scalarsOf(graph, prepared) }
  const parts = partition(graph, ends)
  const own = parts[variant]
  const taken = <T>(entries: ReadonlyMap<string, T>) => new Map([...entries].filter(([name]) => own.inputs.has(name)))
  return {
    ...rest,
    graph: own,
    feeds: taken(feeds),
    masks: mode.masks.filter(({ input }) => own.inputs.has(input)),
    state: stateOf(prepared, own, variant === 'forward' ? next : new Map()),
    gradients: variant === 'forward' ? new Map() : gradients,
    scalars: scalarsOf(own, prepared),
    kept: parts.kept,
  }
}

/** Each gradient and what earlier batches gave. */
const addSums = (b: GraphBuilder, gradients: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> => {
  return new Map(
    [...gradients].map(([name, gradient]) => {
      const e = new Emit({ b, node: { name: gradientOf(name) } })
      return [name, e.add(b.input(gradientOf(name), 'float32', gradient.shape), gradient)]
    }),
  )
}

const ofGradients = (prepared: Prepared, variant: 'norm' | 'apply'): Compiled => {
  const { trainable, initial, graph: model } = prepared
  const b = new GraphBuilder({ name: model.name, opset: model.opset })
  const shapeOf = (name: string) => initial.get(name)?.shape ?? []
  const given = new Map(trainable.map((name) => [name, b.input(gradientOf(name), 'float32', shapeOf(name))]))
  const gradients = new Map([...given].map(([name, { name: input }]) => [name, { input }]))
  const rest = { feeds: new Map(), classes: new Map(), masks: [], gradients }
  if (variant === 'norm') {
    b.output(addNorm(b, given), NORM)
    return { ...rest, graph: finished(b.build(), [NORM]), state: new Map(), scalars: [] }
  }
  for (const name of trainable) b.input(name, 'float32', shapeOf(name))
  const next = addUpdates(b, prepared, given)
  const graph = finished(b.build(), [...next.values()])
  const changing = new Map([...next].map(([name, output]) => [name, { next: output, inPlace: isInPlace(graph, name, output) }]))
  return { ...rest, graph, state: stateOf(prepared, graph, changing), scalars: scalarsOf(graph, prepared) }
}

export { prepare, type Prepared, type TrainOptions } from './prepare.ts'
