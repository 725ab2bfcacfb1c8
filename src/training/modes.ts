import { Tensor } from '../core/tensor.ts'
import { failure } from '../core/errors.ts'
import { attributeOf, attributesOf } from '../graph/attributes.ts'
import type { GraphBuilder, Value } from '../graph/builder.ts'
import type { Graph, Node } from '../graph/graph.ts'
import { builderOf } from '../graph/rebuild.ts'
import { opDraws } from '../core/random.ts'
import { Emit } from './emit.ts'
import { constantsOf } from './gradient.ts'
import { called, shapeOf, sizeOf } from './rules/rule.ts'

/** A Dropout's mask, which each step feeds. */
export interface DropoutMask {
  /** The graph's input that takes it, float32. */
  readonly input: string
  readonly shape: readonly number[]
  /** The share of elements that are dropped. */
  readonly ratio: number
}

export interface TrainingGraph {
  readonly graph: Graph
  readonly masks: readonly DropoutMask[]
  /** By each running statistic (an input or initializer): the output that holds its value after the step. */
  readonly statistics: ReadonlyMap<string, string>
}

export interface TrainingModeOptions {
  /** Whether a node is trained: a frozen BatchNormalization keeps its statistics, a frozen Dropout drops nothing. Default: all are. */
  readonly trains?: (node: Node) => boolean
}

/** The graph as it runs in training: statistics of the batch, and Dropouts that drop. */
export const trainingMode = (graph: Graph, { trains = () => true }: TrainingModeOptions = {}): TrainingGraph => {
  const masks: DropoutMask[] = []
  const statistics = new Map<string, string>()
  const constant = constantsOf(graph)
  const node = (given: Node, b: GraphBuilder): void => {
    if (given.op === 'Dropout' && trains(given)) dropout(b, given, constant, masks)
    else if (given.op === 'BatchNormalization' && trains(given)) batchNormalization(b, given, statistics)
    else b.node(given)
  }
  const b = builderOf(graph, { node })
  for (const name of statistics.values()) b.output(b.value(name))
  return { graph: b.build(), masks, statistics }
}

const DEFAULT_RATIO = 0.5

const dropout = (b: GraphBuilder, node: Node, constant: (name: string) => Tensor | undefined, masks: DropoutMask[]): void => {
  const [data = '', ratioName = ''] = node.inputs
  const [output = '', mask = ''] = node.outputs
  if (mask !== '') throw failure('unsupported', `${called(node)}: its mask is used elsewhere; export the model without that output`)
  const tensor = ratioName === '' ? undefined : constant(ratioName)
  if (ratioName !== '' && tensor === undefined)
    throw failure('unsupported', `${called(node)}: its ratio is computed while the graph runs; export the model with a fixed one`)
  const ratio = tensor === undefined ? DEFAULT_RATIO : Number(tensor.data[0])
  if (!(ratio >= 0 && ratio < 1)) throw failure('bad-model', `${called(node)}: a ratio of ${ratio}; it is from 0 and below 1`)
  const x = b.value(data)
  const as = { name: node.name, outputs: [output], attributes: {} }
  if (ratio === 0) {
    b.node({ ...as, op: 'Identity', inputs: [data] })
    return
  }
  const shape = shapeOf(x)
  const input = b.input(b.fresh(`${node.name}/mask`), 'float32', shape)
  masks.push({ input: input.name, shape, ratio })
  b.node({ ...as, op: 'Mul', inputs: [data, new Emit({ b, node }).cast(input, x.dtype).name] })
}

/**
 * Statistics of the batch. With a momentum of 0 the kernel gives the batch's own mean and variance, which the gradient
 * needs; the running ones follow from them as in PyTorch: the variance there is that of a sample, of n - 1, whereas
 * ONNX, and onnxruntime, keep running that of the n elements themselves.
 */
const batchNormalization = (b: GraphBuilder, node: Node, statistics: Map<string, string>): void => {
  if (attributeOf(node, 'training_mode', 'int') === 1)
    throw failure(
      'unsupported',
      `${called(node)} is exported in training mode already (TrainingMode.TRAINING); export the model with active_storage_export.py, or after model.eval()`,
    )
  const e = new Emit({ b, node })
  const [x, , , mean, variance] = node.inputs.map((name) => b.value(name))
  if (x === undefined || mean === undefined || variance === undefined)
    throw failure('bad-model', `${called(node)} has fewer than five inputs`)
  const momentum = attributeOf(node, 'momentum', 'float') ?? 0.9
  const each = sizeOf(shapeOf(x)) / sizeOf(shapeOf(mean))
  if (each < 2)
    throw failure('invalid-argument', `${called(node)} would take the variance of one element a channel: use a batch of two or more`)
  const attributes = { ...node.attributes, ...attributesOf({ momentum: 0, training_mode: 1 }) }
  const outputs = [node.outputs[0] ?? '', b.fresh(`${node.name}/mean`), b.fresh(`${node.name}/variance`)]
  // onnxruntime's kernel writes the statistics of the batch over its inputs, whoever else reads those: it gets tensors of its own.
  const inputs = [...node.inputs.slice(0, 3), e.mul(mean, 0).name, e.mul(variance, 0).name]
  const [, ofBatch, varianceOfBatch] = b.node({ ...node, inputs, attributes, outputs })
  if (ofBatch === undefined || varianceOfBatch === undefined) throw failure('internal', `${called(node)} gives no statistics`)
  const next = (old: Value, seen: Value, share: number): void => {
    const moved = e.add(e.mul(old, momentum), e.mul(seen, share))
    if (statistics.has(old.name))
      throw failure('unsupported', `${called(node)} shares the statistic "${old.name}" with another node: give each its own`)
    statistics.set(old.name, moved.name)
  }
  next(mean, ofBatch, 1 - momentum)
  next(variance, varianceOfBatch, ((1 - momentum) * each) / (each - 1))
}

/**
 * Fills in the mask of one step: 0 for what is dropped, and what the rest is scaled by. A pure function of the seed, the
 * step and the mask's name, so the same bits anywhere.
 */
export const fillMask = (into: Float32Array, { input, ratio }: DropoutMask, seed: number, step: number): void => {
  const draws = opDraws(seed, step, input, 0)
  const scale = 1 / (1 - ratio)
  for (let i = 0; i < into.length; i++) into[i] = draws.uniform() < ratio ? 0 : scale
}

export const maskOf = (mask: DropoutMask, seed: number, step: number): Tensor => {
  const into = new Float32Array(sizeOf(mask.shape))
  fillMask(into, mask, seed, step)
  return new Tensor('float32', into, mask.shape)
}
