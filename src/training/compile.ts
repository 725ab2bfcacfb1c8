import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import { bind, openSides } from '../graph/bind.ts'
import type { GraphBuilder, Value } from '../graph/builder.ts'
import { fold } from '../graph/fold.ts'
import type { Graph, ValueType } from '../graph/graph.ts'
import { prune } from '../graph/prune.ts'
import { builderOf } from '../graph/rebuild.ts'
import { share } from '../graph/share.ts'
import { upgrade } from '../graph/upgrade.ts'
import { Emit } from './emit.ts'
import { gradientGraph, movedBy } from './gradient.ts'
import { lowered } from './lower.ts'
import { type AddedLoss, addLoss, IGNORED, type Loss, outputOf } from './loss.ts'
import { type DropoutMask, trainingMode } from './modes.ts'
import { addUpdate, checkOptimizer, type Optimizer, slotsOf } from './optimizer.ts'
import { named, trainableOf } from './trainable.ts'

/** Parameters that are trained otherwise than the rest. */
export interface ParameterGroup {
  /** Names, with `*` for any text. The first group that names a parameter counts. */
  readonly match: readonly string[]
  /** Multiplies the learning rate. Default 1. */
  readonly rate?: number
  readonly weightDecay?: number
}

export interface TrainOptions {
  /** One, or several of which the sum is minimized. */
  readonly loss: Loss | readonly Loss[]
  readonly optimizer: Optimizer
  /** Names of initializers, with `*` for any text. Default: all weights that layers learn. */
  readonly trainable?: readonly string[]
  readonly groups?: readonly ParameterGroup[]
  /** Gradients are scaled so that the norm of all together is at most this. Default: they are not. */
  readonly clipNorm?: number
}

/**
 * `step`: gradients and the update in one run. `gradients`: added to sums, for several batches to a step or several nodes.
 * `apply`: the update, of given gradients. `evaluate`: the model as it is in use, with its loss.
 */
export type Variant = 'step' | 'gradients' | 'apply' | 'evaluate'

/** A graph that onnxruntime runs, and what its inputs and outputs stand for. */
export interface Compiled {
  readonly graph: Graph
  /** What a batch brings: the model's inputs, and the targets. */
  readonly feeds: ReadonlyMap<string, ValueType>
  /** For targets that are classes, how many there are, and the number that stands for none. */
  readonly classes: ReadonlyMap<string, { readonly classes: number; readonly ignore: number }>
  readonly masks: readonly DropoutMask[]
  /** State that the run reads, by name; the output that gives its next value, where it changes. */
  readonly state: ReadonlyMap<string, { readonly shape: readonly number[]; readonly next?: string }>
  /** Sums of gradients by parameter: an input and an output for `gradients`, an input for `apply`. */
  readonly sums: ReadonlyMap<string, { readonly input: string; readonly next?: string }>
  readonly scalars: readonly string[]
}

/** The names under which a run gives numbers. */
export const LOSS = 'training/loss'
export const CORRECT = 'training/correct'
export const COUNTED = 'training/counted'
export const NORM = 'training/norm'
const GIVEN = [LOSS, CORRECT, COUNTED, NORM] as const

/** A model made ready: raised to the training dialect, its weights out of the graph. */
export interface Prepared {
  readonly graph: Graph
  readonly options: TrainOptions
  readonly losses: readonly Loss[]
  readonly trainable: readonly string[]
  /** All tensors that training changes, as they are at first: parameters, running statistics, the optimizer's own (zeros). */
  readonly initial: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data?: Float32Array }>
}

const slotName = (slot: string, parameter: string): string => `optimizer/${slot}/${parameter}`
const next = (name: string): string => `next/${name}`
const sumOf = (name: string): string => `gradient/${name}`

/** @throws ActiveStorageError `invalid-argument`, `unsupported`, `bad-model` */
export const prepare = (model: Graph, options: TrainOptions): Prepared => {
  checkOptimizer(options.optimizer)
  const { clipNorm, groups = [] } = options
  if (clipNorm !== undefined && !(clipNorm > 0)) throw failure('invalid-argument', `clipNorm is ${clipNorm}; it has to be above 0`)
  const losses = Array.isArray(options.loss) ? (options.loss as readonly Loss[]) : [options.loss as Loss]
  if (losses.length === 0) throw failure('invalid-argument', 'there is no loss to minimize: give one')
  const raised = fold(upgrade(model))
  for (const loss of losses) outputOf([...raised.outputs.keys()], loss)
  const trainable = trainableOf(raised, options.trainable)
  for (const { match, rate = 1 } of groups) {
    if (!trainable.some(named(match))) throw failure('invalid-argument', `groups: nothing that is trained is named ${match.join(', ')}`)
    if (!(rate >= 0)) throw failure('invalid-argument', `groups: a rate of ${rate}; it has to be 0 or more`)
  }
  const initial = new Map<string, { readonly shape: readonly number[]; readonly data?: Float32Array }>()
  const out = new Set([...trainable, ...statisticsOf(raised, trainable)])
  const inputs = new Map(raised.inputs)
  for (const [name, tensor] of raised.initializers) {
    if (!out.has(name)) continue
    inputs.set(name, { dtype: tensor.dtype, shape: tensor.shape })
    initial.set(name, { shape: tensor.shape, data: floats(name, tensor) })
  }
  for (const slot of slotsOf(options.optimizer))
    for (const name of trainable) initial.set(slotName(slot, name), { shape: raised.initializers.get(name)?.shape ?? [] })
  const initializers = new Map([...raised.initializers].filter(([name]) => !out.has(name)))
  return { graph: { ...raised, inputs, initializers }, options, losses, trainable, initial }
}

const floats = (name: string, { data }: Tensor): Float32Array => {
  if (data instanceof Float32Array) return data
  throw failure('unsupported', `"${name}" is not float32: training needs it to be`)
}

/** Running means and variances of the normalizations that are trained. */
const statisticsOf = ({ nodes }: Graph, trainable: readonly string[]): readonly string[] =>
  nodes.flatMap(({ op, inputs: [, scale = '', shift = '', mean = '', variance = ''] }) =>
    op === 'BatchNormalization' && (trainable.includes(scale) || trainable.includes(shift)) ? [mean, variance] : [],
  )

/** The model's open sides by what a batch brings. @throws `tensor-mismatch` */
export const sidesOf = (
  { graph }: Prepared,
  batch: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): Readonly<Record<string, number>> => {
  const sides: Record<string, number> = {}
  for (const [name, { shape }] of graph.inputs) {
    if (!shape.some((side) => typeof side === 'string')) continue
    const given = batch[name]?.shape
    if (given === undefined)
      throw failure('tensor-mismatch', `the batch has no "${name}", which the model takes; it has ${Object.keys(batch).join(', ')}`)
    if (given.length !== shape.length)
      throw failure('tensor-mismatch', `"${name}" is [${given.join(', ')}] in the batch; the model takes [${shape.join(', ')}]`)
    for (const [axis, side] of shape.entries()) {
      const length = given[axis] ?? 0
      if (typeof side === 'number') continue
      if ((sides[side] ?? length) !== length)
        throw failure('tensor-mismatch', `"${name}" has ${length} for the side ${side}, where another input has ${sides[side]}`)
      sides[side] = length
    }
  }
  return sides
}

/** Makes the graph of one kind of run, for given lengths of the model's open sides. */
export const compile = (prepared: Prepared, variant: Variant, sides: Readonly<Record<string, number>>): Compiled => {
  if (variant === 'apply') return applying(prepared)
  const open = openSides(prepared.graph)
  const bound = bind(prepared.graph, Object.fromEntries(Object.entries(sides).filter(([name]) => open.includes(name))))
  return variant === 'evaluate' ? evaluating(prepared, bound) : training(prepared, bound, variant)
}

const stateInputs = ({ initial }: Prepared, b: GraphBuilder): Map<string, { readonly shape: readonly number[]; readonly next?: string }> =>
  new Map([...initial].filter(([name]) => b.has(name)).map(([name, { shape }]) => [name, { shape }]))

/** Adds the losses and the numbers that are told of a run. */
const addLosses = (b: GraphBuilder, { losses }: Prepared, outputs: readonly string[]) => {
  const e = new Emit({ b, node: { name: 'loss' } })
  const added = losses.map((loss): AddedLoss & { readonly of: Loss } => ({
    ...addLoss(b, b.value(outputOf(outputs, loss)), loss),
    of: loss,
  }))
  const total = e.total(added.map(({ loss, of }) => e.mul(loss, of.weight ?? 1)))
  b.output(total, LOSS)
  const [first] = added
  if (first?.correct !== undefined && first.counted !== undefined) {
    b.output(first.correct, CORRECT)
    b.output(first.counted, COUNTED)
  }
  const classes = new Map(
    added.flatMap(({ target, classes: count, of }) =>
      count === undefined
        ? []
        : [[target.name, { classes: count, ignore: of.kind === 'cross-entropy' ? (of.ignore ?? IGNORED) : IGNORED }] as const],
    ),
  )
  return { total, targets: added.map(({ target }) => target), classes }
}

const finished = (b: GraphBuilder, keep: readonly string[]): Graph => {
  const graph = b.build()
  const outputs = new Map([...graph.outputs].filter(([name]) => keep.includes(name)))
  return prune(share(fold({ ...graph, outputs })))
}

const feedsOf = (prepared: Prepared, graph: Graph, b: GraphBuilder, targets: readonly Value[]): ReadonlyMap<string, ValueType> =>
  new Map(
    [
      ...[...graph.inputs].filter(([name]) => !prepared.initial.has(name)),
      ...targets.map(({ name, dtype, shape }) => [name, { dtype, shape }] as const),
    ].filter(([name]) => b.has(name)),
  )

const evaluating = (prepared: Prepared, bound: Graph): Compiled => {
  const b = builderOf(fold(bound, { inference: true }))
  const outputs = [...bound.outputs.keys()]
  const { targets, classes } = addLosses(b, prepared, outputs)
  const graph = finished(b, [...outputs, ...GIVEN])
  return {
    graph,
    feeds: feedsOf(prepared, bound, b, targets),
    classes,
    masks: [],
    state: used(stateInputs(prepared, b), graph),
    sums: new Map(),
    scalars: [],
  }
}

/** Of the state, what the graph reads. */
const used = <T>(entries: ReadonlyMap<string, T>, graph: Graph): ReadonlyMap<string, T> =>
  new Map([...entries].filter(([name]) => graph.inputs.has(name)))

const training = (prepared: Prepared, bound: Graph, variant: 'step' | 'gradients'): Compiled => {
  const { trainable } = prepared
  const types = builderOf(bound)
  const moved = movedBy(bound.nodes, (name) => types.value(name), trainable)
  const mode = trainingMode(bound, {
    trains: ({ op, inputs }) =>
      op === 'Dropout' ? moved.has(inputs[0] ?? '') : inputs.slice(1, 3).some((name) => trainable.includes(name)),
  })
  const b = builderOf(lowered(mode.graph, trainable))
  const state = stateInputs(prepared, b)
  const { total, targets, classes } = addLosses(b, prepared, [...bound.outputs.keys()])
  const gradients = gradientGraph(b, { loss: total.name, of: trainable })
  const keep: string[] = [...GIVEN]
  const give = (name: string, value: Value) => {
    b.output(value, next(name))
    keep.push(next(name))
    return next(name)
  }
  for (const [name, output] of mode.statistics) state.set(name, { shape: state.get(name)?.shape ?? [], next: give(name, b.value(output)) })
  const sums = new Map<string, { readonly input: string; readonly next?: string }>()
  if (variant === 'step') {
    for (const [name, entry] of addUpdates(b, prepared, gradients, give)) state.set(name, entry)
  } else {
    for (const [name, gradient] of gradients) {
      const sum = b.input(sumOf(name), 'float32', gradient.shape)
      const e = new Emit({ b, node: { name: sumOf(name) } })
      // By its share of the samples, so that batches of unequal sizes add up to their mean.
      const share = b.has(SHARE) ? b.value(SHARE) : b.input(SHARE, 'float32', [])
      sums.set(name, { input: sum.name, next: give(sumOf(name), e.add(sum, e.mul(gradient, share))) })
    }
  }
  const graph = finished(b, keep)
  const masks = mode.masks.filter(({ input }) => graph.inputs.has(input))
  const maskInputs = new Set(mode.masks.map(({ input }) => input))
  const feeds = new Map([...feedsOf(prepared, bound, b, targets)].filter(([name]) => !maskInputs.has(name) && graph.inputs.has(name)))
  return { graph, feeds, classes, masks, state: used(state, graph), sums, scalars: [...SCALARS].filter((name) => graph.inputs.has(name)) }
}

const applying = (prepared: Prepared): Compiled => {
  const { trainable, initial } = prepared
  const b = builderOf({ ...prepared.graph, inputs: new Map(), initializers: new Map(), nodes: [], outputs: new Map() })
  const keep: string[] = [...GIVEN]
  const state = new Map<string, { readonly shape: readonly number[]; readonly next?: string }>()
  const sums = new Map<string, { readonly input: string }>()
  const gradients = new Map<string, Value>()
  for (const name of trainable) {
    const shape = initial.get(name)?.shape ?? []
    b.input(name, 'float32', shape)
    gradients.set(name, b.input(sumOf(name), 'float32', shape))
    sums.set(name, { input: sumOf(name) })
  }
  const give = (name: string, value: Value) => {
    b.output(value, next(name))
    keep.push(next(name))
    return next(name)
  }
  for (const [name, entry] of addUpdates(b, prepared, gradients, give)) state.set(name, entry)
  const graph = finished(b, keep)
  return {
    graph,
    feeds: new Map(),
    classes: new Map(),
    masks: [],
    state: used(state, graph),
    sums,
    scalars: [...SCALARS].filter((name) => graph.inputs.has(name)),
  }
}

/** Inputs of numbers that change from step to step. */
export const SHARE = 'training/share'
const SCALARS = ['learningRate', 'correction1', 'correction2', SHARE] as const

/** Adds the update of every parameter. */
const addUpdates = (
  b: GraphBuilder,
  { options, initial, trainable }: Prepared,
  gradients: ReadonlyMap<string, Value>,
  give: (name: string, value: Value) => string,
) => {
  const { optimizer, groups = [] } = options
  const state = new Map<string, { readonly shape: readonly number[]; readonly next: string }>()
  const e = new Emit({ b, node: { name: 'update' } })
  const scalar = (name: string) => b.input(name, 'float32', [])
  const [learningRate, correction1, correction2] = [scalar('learningRate'), scalar('correction1'), scalar('correction2')]
  const scaled = clipped(e, gradients, options.clipNorm)
  for (const name of trainable) {
    const gradient = scaled.get(name)
    if (gradient === undefined) continue
    const { rate = 1, weightDecay } = groups.find(({ match }) => named(match)(name)) ?? {}
    const shape = initial.get(name)?.shape ?? []
    const slots = Object.fromEntries(slotsOf(optimizer).map((slot) => [slot, b.input(slotName(slot, name), 'float32', shape)]))
    const own = new Emit({ b, node: { name: `update/${name}` } })
    const made = addUpdate(own, weightDecay === undefined ? optimizer : { ...optimizer, weightDecay }, {
      parameter: b.value(name),
      gradient,
      slots,
      learningRate: own.mul(learningRate, rate),
      correction1,
      correction2,
    })
    state.set(name, { shape, next: give(name, made.parameter) })
    for (const [slot, value] of Object.entries(made.slots))
      state.set(slotName(slot, name), { shape, next: give(slotName(slot, name), value) })
  }
  return state
}

/** As PyTorch's clip_grad_norm_: by the norm of all gradients together. */
const clipped = (e: Emit, gradients: ReadonlyMap<string, Value>, most: number | undefined): ReadonlyMap<string, Value> => {
  if (most === undefined) return gradients
  const squares = [...gradients.values()].map((gradient) => e.op('ReduceSumSquare', [gradient], { keepdims: 0 }))
  const norm = e.op('Sqrt', [e.total(squares)])
  e.b.output(norm, NORM)
  const scale = e.op('Min', [e.div(e.num(most, norm), e.add(norm, e.num(1e-6, norm))), e.num(1, norm)])
  return new Map([...gradients].map(([name, gradient]) => [name, e.mul(gradient, scale)]))
}
