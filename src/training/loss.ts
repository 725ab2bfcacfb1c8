import { failure } from '../core/errors.ts'
import { Tensor } from '../core/tensor.ts'
import type { GraphBuilder, Value } from '../graph/builder.ts'
import { Emit } from './emit.ts'
import { range, shapeOf, sizeOf } from './rules/rule.ts'

/** What is minimized: one loss over one output of the model, and the input that takes what it should have been. */
export type Loss = {
  /** The model's output. Default: its only one. */
  readonly output?: string
  /** The name under which a batch gives the target. Default `labels`. */
  readonly target?: string
  /** Its share in the sum, where there are several losses. Default 1. */
  readonly weight?: number
} & (
  | {
      /** Of logits [N, C, ...] and int64 class numbers [N, ...], mean over the elements that count. */
      readonly kind: 'cross-entropy'
      /** A weight for each class; the mean is then by the weights. Default 1 each. */
      readonly classWeights?: readonly number[]
      /** The share of the target that is spread over all classes. Default 0. */
      readonly labelSmoothing?: number
      /** The class number of elements that do not count: padding, unlabelled. Default -100. */
      readonly ignore?: number
    }
  | {
      /** Of logits and targets from 0 to 1, of one shape (float32). */
      readonly kind: 'binary-cross-entropy'
      /** What an element with target 1 weighs against one with 0: for rare positives. Default 1. */
      readonly positiveWeight?: number
    }
  /** Mean of squares, of absolute values. Targets are float32, of the output's shape. */
  | { readonly kind: 'mse' | 'mae' }
  | {
      readonly kind: 'huber'
      /** Where the square becomes a line. Default 1. */
      readonly delta?: number
    }
)

/** The class number of elements that do not count, where a loss names none: PyTorch's. */
export const IGNORED = -100

/** A loss in a graph. */
export interface AddedLoss {
  /** float32, no dimensions. */
  readonly loss: Value
  readonly target: Value
  /** Classes that labels may name; undefined for targets that are no classes. */
  readonly classes: number | undefined
  /** Elements whose class is the most likely one, of those that count, and how many count: float32. Of cross entropy alone. */
  readonly correct?: Value
  readonly counted?: Value
}

/** The output that a loss is of. @throws `invalid-argument` */
export const outputOf = (outputs: readonly string[], { output }: Loss): string => {
  if (output === undefined ? outputs.length === 1 : outputs.includes(output)) return output ?? outputs[0] ?? ''
  throw failure('invalid-argument', `${output === undefined ? 'the loss names no output' : `the loss is of "${output}"`}; the model gives ${outputs.join(', ')}: name one of them`) // prettier-ignore
}

const finite = (what: string, value: number, least: number, most = Infinity): number => {
  if (Number.isFinite(value) && value >= least && value <= most) return value
  throw failure(
    'invalid-argument',
    `${what} is ${value}; it has to be ${most === Infinity ? `${least} or more` : `from ${least} to ${most}`}`,
  )
}

const mean = (e: Emit, x: Value): Value => e.op('ReduceMean', [x, e.b.ints(...range(x.shape.length))], { keepdims: 0 })
const sum = (e: Emit, x: Value): Value => e.op('ReduceSum', [x, e.b.ints(...range(x.shape.length))], { keepdims: 0 })

/**
 * Adds a loss to a graph, with an input for its target.
 * @throws ActiveStorageError `invalid-argument` for an output that it cannot be of, or settings out of bounds
 */
export const addLoss = (b: GraphBuilder, output: Value, loss: Loss): AddedLoss => {
  const e = new Emit({ b, node: { name: `loss/${loss.target ?? 'labels'}` } })
  const sides = shapeOf(output)
  if (output.dtype !== 'float32' || sizeOf(sides) === 0)
    throw failure('invalid-argument', `the loss is of "${output.name}", which is ${output.dtype} [${sides.join(', ')}]: it has to be float32, and not empty`) // prettier-ignore
  const name = loss.target ?? 'labels'
  if (loss.kind === 'cross-entropy') return crossEntropy(e, output, name, loss)
  const target = b.input(name, 'float32', sides)
  const made = { target, classes: undefined }
  switch (loss.kind) {
    case 'binary-cross-entropy': {
      // softplus(-|x|) + max(x, 0) - x y: no overflow; with a weight w of positives, (1 - y) x + (1 + (w - 1) y) softplus(-x).
      const weight = finite('positiveWeight', loss.positiveWeight ?? 1, 0)
      const tail = e.add(e.op('Softplus', [e.op('Neg', [e.op('Abs', [output])])]), e.op('Relu', [e.op('Neg', [output])]))
      const scaled = weight === 1 ? tail : e.mul(tail, e.add(e.mul(target, weight - 1), e.num(1, output)))
      return { ...made, loss: mean(e, e.add(e.mul(e.sub(e.num(1, output), target), output), scaled)) }
    }
    case 'mse': {
      const difference = e.sub(output, target)
      return { ...made, loss: mean(e, e.mul(difference, difference)) }
    }
    case 'mae':
      return { ...made, loss: mean(e, e.op('Abs', [e.sub(output, target)])) }
    case 'huber': {
      const delta = finite('delta', loss.delta ?? 1, Number.MIN_VALUE)
      const distance = e.op('Abs', [e.sub(output, target)])
      // With q the part up to delta: q (distance - q / 2) is the square's half below delta, and the line above it.
      const near = e.op('Min', [distance, e.num(delta, output)])
      return { ...made, loss: mean(e, e.mul(near, e.sub(distance, e.mul(near, 0.5)))) }
    }
  }
}

/** As PyTorch's: sums over what counts, by the weights of its classes; the smoothed part is spread over all classes by theirs. */
const crossEntropy = (e: Emit, logits: Value, name: string, loss: Loss & { readonly kind: 'cross-entropy' }): AddedLoss => {
  const { b } = e
  const [rows = 0, classes = 0, ...inner] = shapeOf(logits)
  if (logits.shape.length < 2)
    throw failure('invalid-argument', `cross entropy is of logits [N, C, ...]; "${logits.name}" is [${logits.shape.join(', ')}]`)
  const { classWeights, labelSmoothing = 0 } = loss
  finite('labelSmoothing', labelSmoothing, 0, 1)
  for (const weight of classWeights ?? []) finite('a weight of a class', weight, 0)
  if (classWeights !== undefined && classWeights.length !== classes)
    throw failure('invalid-argument', `there are ${classWeights.length} weights for ${classes} classes: give one each`)
  const target = b.input(name, 'int64', [rows, ...inner])
  // A number that is no class has a row of zeros, and so does not count.
  const hot = e.op('OneHot', [target, b.ints(classes), b.constant(new Tensor('float32', new Float32Array([0, 1]), [2]))], { axis: 1 })
  const weights = new Tensor('float32', Float32Array.from(classWeights ?? range(classes).map(() => 1)), [1, classes, ...inner.map(() => 1)])
  const weighted = classWeights === undefined ? hot : e.mul(hot, b.constant(weights))
  const total = sum(e, weighted)
  const counts = e.op('ReduceSum', [hot, b.ints(1)], { keepdims: 1 })
  const all = labelSmoothing === 0 ? undefined : e.mul(classWeights === undefined ? counts : e.mul(counts, b.constant(weights)), labelSmoothing / classes) // prettier-ignore
  const spread = all === undefined ? weighted : e.add(e.mul(weighted, 1 - labelSmoothing), all)
  const likely = e.op('LogSoftmax', [logits], { axis: 1 })
  const best = e.op('ArgMax', [logits], { axis: 1, keepdims: 0 })
  return {
    loss: e.op('Neg', [e.div(sum(e, e.mul(spread, likely)), total)]),
    target,
    classes,
    correct: sum(e, e.cast(e.op('Equal', [best, target]), 'float32')),
    counted: sum(e, hot),
  }
}
