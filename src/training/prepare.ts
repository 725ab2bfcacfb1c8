import { failure } from '../core/errors.ts'
import type { Tensor } from '../core/tensor.ts'
import { fold } from '../graph/fold.ts'
import type { Graph } from '../graph/graph.ts'
import { upgrade } from '../graph/upgrade.ts'
import { checkRules } from './gradient.ts'
import { called } from './rules/rule.ts'
import { type Loss, outputOf, targetOf } from './loss.ts'
import { gradientOf, nextOf, numbers, shareOf, slotName, told } from './names.ts'
import { checkOptimizer, type Optimizer, slotsOf } from './optimizer.ts'
import { decide } from './roles/decide.ts'
import type { Source } from './roles/kinds.ts'
import type { Modes } from './roles/modes.ts'
import { named, sourceOf } from './trainable.ts'

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
  /**
   * Names of initializers, with `*` for any text. `+NAME` and `!NAME` add to the default and leave out of it. Default: what
   * is a parameter by the exporter's notes, or else by names, places in the graph and elements (docs/training.md).
   */
  readonly trainable?: readonly string[]
  /** Rows of embedding tables that look-ups give no gradient, by name of the table: `padding_idx` of PyTorch. Default: those the file states. */
  readonly paddingRows?: Readonly<Record<string, number>>
  readonly groups?: readonly ParameterGroup[]
  /** Gradients are scaled so that the norm of all together is at most this. Default: they are not. */
  readonly clipNorm?: number
  /**
   * The most bytes that a batch's activations may take: results of the forward part that are kept for the gradients. What
   * does not fit is computed again, to the same bits. Default: all are kept.
   */
  readonly activationBytes?: number
  /** Inputs by which batches that are gathered give gradients too: for whatever comes before the model. Default: none. */
  readonly inputGradients?: readonly string[]
}

/** A model made ready: raised to the training dialect, its weights out of the graph. */
export interface Prepared {
  readonly graph: Graph
  readonly options: TrainOptions
  readonly losses: readonly Loss[]
  readonly trainable: readonly string[]
  /** Which BatchNormalizations and Dropouts run in training mode. */
  readonly modes: Modes
  /** Rows that look-ups give no gradient, by table. */
  readonly padding: ReadonlyMap<string, number>
  /** All tensors that training changes, as they are at first: parameters, running statistics, the optimizer's own (zeros). */
  readonly initial: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data?: Float32Array }>
}

const isList = (loss: Loss | readonly Loss[]): loss is readonly Loss[] => Array.isArray(loss)

/** @throws ActiveStorageError `invalid-argument`, `unsupported`, `bad-model` */
export const prepare = (model: Graph | Source, options: TrainOptions): Prepared => {
  checkOptimizer(options.optimizer)
  const { clipNorm, activationBytes = 0 } = options
  if (clipNorm !== undefined && !(clipNorm > 0)) throw failure('invalid-argument', `clipNorm is ${clipNorm}; it has to be above 0`)
  if (!(activationBytes >= 0)) throw failure('invalid-argument', `activationBytes is ${activationBytes}; it is a number of bytes from 0`)
  const losses = isList(options.loss) ? options.loss : [options.loss]
  if (losses.length === 0) throw failure('invalid-argument', 'there is no loss to minimize: give one')
  const source = sourceOf(model)
  const raised = fold(upgrade(source.graph))
  const taken = losses.map((loss) => outputOf([...raised.outputs.keys()], loss))
  const { trainable, padding, modes } = decide(source, raised, { ...options, outputs: taken })
  checkRules(raised, trainable, taken)
  checkGroups(options, trainable)
  const initial = new Map<string, { readonly shape: readonly number[]; readonly data?: Float32Array }>()
  const out = new Set([...trainable, ...statisticsOf(raised, trainable, modes.training)])
  const inputs = new Map(raised.inputs)
  for (const [name, tensor] of raised.initializers) {
    if (!out.has(name)) continue
    inputs.set(name, { dtype: tensor.dtype, shape: tensor.shape })
    initial.set(name, { shape: tensor.shape, data: floats(name, tensor) })
  }
  for (const slot of slotsOf(options.optimizer))
    for (const name of trainable) initial.set(slotName(slot, name), { shape: raised.initializers.get(name)?.shape ?? [] })
  const initializers = new Map([...raised.initializers].filter(([name]) => !out.has(name)))
  const graph = { ...raised, inputs, initializers }
  checkNames(graph, losses, initial, options)
  return { graph, options, losses, trainable, modes, padding, initial }
}

const checkGroups = ({ groups = [], optimizer }: TrainOptions, trainable: readonly string[]): void => {
  for (const { match, rate = 1, weightDecay = 0 } of groups) {
    if (!trainable.some(named(match))) throw failure('invalid-argument', `groups: nothing that is trained is named ${match.join(', ')}`)
    if (!(rate >= 0 && rate < Infinity)) throw failure('invalid-argument', `groups: a rate of ${rate}; it has to be 0 or more`)
    checkOptimizer({ ...optimizer, weightDecay })
  }
}

/** The graph of a step is the model's and more; what is added must not meet a tensor of the same name there. */
const checkNames = (
  { inputs, initializers, nodes }: Graph,
  losses: readonly Loss[],
  initial: Prepared['initial'],
  { inputGradients = [] }: TrainOptions,
): void => {
  const taken = new Set([...inputs.keys(), ...initializers.keys(), ...nodes.flatMap(({ outputs }) => outputs)])
  const targets = losses.map(targetOf)
  const twice = targets.find((target) => taken.has(target))
  if (twice !== undefined)
    throw failure('invalid-argument', `the target of a loss is called "${twice}", and so is a tensor of the model: give the loss a \`target\` of another name`) // prettier-ignore
  for (const target of targets) taken.add(target)
  const states = [...initial.keys()]
  const slots = [...initial].flatMap(([name, { data }]) => (data === undefined ? [name] : []))
  const own = [
    ...told,
    ...numbers,
    ...losses.map((_, place) => shareOf(place)),
    ...slots,
    ...[...states, ...inputGradients].flatMap((name) => [gradientOf(name), nextOf(name), nextOf(gradientOf(name))]),
  ]
  const met = own.find((name) => taken.has(name))
  if (met !== undefined)
    throw failure('invalid-argument', `"${met}" is a name that training gives a tensor of its own: rename it in the model, or where it is a loss's target`) // prettier-ignore
}

const floats = (name: string, { data }: Tensor): Float32Array => {
  if (data instanceof Float32Array) return data
  throw failure('unsupported', `"${name}" is not float32: training needs it to be`)
}

/** Running means and variances of the normalizations that run in training mode. */
const statisticsOf = ({ nodes, initializers }: Graph, trainable: readonly string[], training: ReadonlySet<string>): readonly string[] => {
  const found = new Set<string>()
  const users = new Map<string, number>()
  for (const { inputs } of nodes) for (const name of inputs) users.set(name, (users.get(name) ?? 0) + 1)
  for (const node of nodes) {
    const [, , , ...statistics] = node.inputs
    if (node.op !== 'BatchNormalization' || !training.has(node.name)) continue
    for (const name of statistics) {
      // Exporters merge tensors that are equal, as a new normalization's scale and variance are: both would move as one.
      if (!initializers.has(name) || trainable.includes(name) || (users.get(name) ?? 0) > 1)
        throw failure(
          'unsupported',
          `${called(node)}: its running statistic "${name}" is no tensor of its own: it was merged with an equal one, or two nodes use it (a module that is called twice, or one without running statistics). Export the model so that equal tensors are not merged (docs/training.md)`,
        )
      found.add(name)
    }
  }
  return [...found]
}

/** The model's open sides by what a batch brings. @throws `tensor-mismatch` */
export const sidesOf = (
  { graph }: Prepared,
  batch: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): Readonly<Record<string, number>> => {
  const sides: Record<string, number> = {}
  for (const [name, { shape }] of graph.inputs) {
    if (!shape.some((side) => typeof side === 'string')) continue
    const given = Object.hasOwn(batch, name) ? batch[name]?.shape : undefined
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
