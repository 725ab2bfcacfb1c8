import { failure } from '../core/errors.ts'
import { Tensor } from '../core/tensor.ts'
import type { GraphBuilder, Value } from '../graph/builder.ts'
import { Emit } from './emit.ts'
import { CORRECT, COUNTED, LOSS, PART, shareOf } from './names.ts'
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
  /** Sum of output times target: its gradient is the target itself. For a front whose back, with the loss, is elsewhere. */
  | { readonly kind: 'given' }
)

/** The class number of elements that do not count, where a loss names none: PyTorch's. */
export const IGNORED = -100

/** Class numbers that a target may hold: those below `classes`, and the one that stands for none. */
export interface Classes {
  readonly classes: number
  readonly ignore: number
}

/** A loss in a graph. */
interface AddedLoss {
  /** float32, no dimensions. */
  readonly loss: Value
  readonly target: Value
  /** Undefined for targets that are no classes. */
  readonly classes?: Classes
  /** Elements whose class is the most likely one, of those that count, and how many count: float32. Of cross entropy alone. */
  readonly correct?: Value
  readonly counted?: Value
}

/** The name under which a batch gives the target of a loss. */
export const targetOf = ({ target = 'labels' }: Loss): string => target

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
 * Adds losses to a graph, with inputs for their targets, and gives what a run tells of them.
 * @param outputs the model's, by name
 * @param shared whether the batch is one of several to a step: its losses are then taken by the shares that a run is fed
 * @returns as `total` what is minimized
 * @throws ActiveStorageError `invalid-argument` for an output that a loss cannot be of, or settings out of bounds
 */
export const addLosses = (b: GraphBuilder, losses: readonly Loss[], outputs: readonly string[], { shared = false } = {}) => {
  const e = new Emit({ b, node: { name: 'loss' } })
  const added = losses.map((loss) => addLoss(b, b.value(outputOf(outputs, loss)), loss))
  const terms = added.map(({ loss }, i) => e.mul(loss, finite('the weight of a loss', losses[i]?.weight ?? 1, -Number.MAX_VALUE)))
  const sum = e.total(terms)
  b.output(sum, LOSS)
  const total = shared ? e.total(terms.map((term, place) => e.mul(term, b.input(shareOf(place), 'float32', [])))) : sum
  if (shared) b.output(total, PART)
  const [first] = added
  if (first?.correct !== undefined && first.counted !== undefined) {
    b.output(first.correct, CORRECT)
    b.output(first.counted, COUNTED)
  }
  const classes = new Map<string, Classes>()
  for (const { target, classes: own } of added) {
    const other = classes.get(target.name)
    if (own === undefined) continue
    if (other !== undefined && (other.classes !== own.classes || other.ignore !== own.ignore))
      throw failure('invalid-argument', `two losses with the target "${target.name}" differ in their classes, or in what they ignore: give each a target of its own`) // prettier-ignore
    classes.set(target.name, own)
  }
  return { total, targets: added.map(({ target }) => target), classes }
}

/** The input of a target: one for all losses that name it. */
const targetInput = (b: GraphBuilder, name: string, dtype: 'float32' | 'int64', sides: readonly number[]): Value => {
  if (!b.has(name)) return b.input(name, dtype, sides)
  const known = b.value(name)
  if (known.dtype === dtype && known.shape.join() === sides.join()) return known
  throw failure('invalid-argument', `one loss takes "${name}" as ${known.dtype} [${known.shape.join(', ')}], another as ${dtype} [${sides.join(', ')}]: give each a target of its own`) // prettier-ignore
}

const addLoss = (b: GraphBuilder, output: Value, loss: Loss): AddedLoss => {
  const e = new Emit({ b, node: { name: `loss/${targetOf(loss)}` } })
  const sides = shapeOf(output)
  if (output.dtype !== 'float32' || sizeOf(sides) === 0)
    throw failure('invalid-argument', `the loss is of "${output.name}", which is ${output.dtype} [${sides.join(', ')}]: it has to be float32, and not empty`) // prettier-ignore
  if (loss.kind === 'cross-entropy') return crossEntropy(e, output, loss)
  const target = targetInput(b, targetOf(loss), 'float32', sides)
  switch (loss.kind) {
    case 'binary-cross-entropy': {
      // (1 - y) x + (1 + (w - 1) y) softplus(-x), with w what positives weigh. onnxruntime's Softplus does not overflow.
      const weight = finite('positiveWeight', loss.positiveWeight ?? 1, 0)
      const tail = e.op('Softplus', [e.neg(output)])
      const scaled = weight === 1 ? tail : e.mul(tail, e.plus(e.mul(target, weight - 1), 1))
      return { target, loss: mean(e, e.add(e.mul(e.oneMinus(target), output), scaled)) }
    }
    case 'given':
      return { target, loss: sum(e, e.mul(output, target)) }
    case 'mse': {
      const difference = e.sub(output, target)
      return { target, loss: mean(e, e.mul(difference, difference)) }
    }
    case 'mae':
      return { target, loss: mean(e, e.op('Abs', [e.sub(output, target)])) }
    case 'huber': {
      const delta = finite('delta', loss.delta ?? 1, Number.MIN_VALUE)
      const distance = e.op('Abs', [e.sub(output, target)])
      // With q the part up to delta: q (distance - q / 2) is the square's half below delta, and the line above it.
      const near = e.op('Min', [distance, e.num(delta, output)])
      return { target, loss: mean(e, e.mul(near, e.sub(distance, e.mul(near, 0.5)))) }
    }
  }
}

/** As PyTorch's: sums over what counts, by the weights of its classes; the smoothed part is spread over all classes by theirs. */
const crossEntropy = (e: Emit, logits: Value, loss: Loss & { readonly kind: 'cross-entropy' }): AddedLoss => {
  const { b } = e
  const [rows = 0, classes = 0, ...inner] = shapeOf(logits)
  if (logits.shape.length < 2)
    throw failure('invalid-argument', `cross entropy is of logits [N, C, ...]; "${logits.name}" is [${logits.shape.join(', ')}]`)
  const { classWeights, labelSmoothing = 0, ignore = IGNORED } = loss
  finite('labelSmoothing', labelSmoothing, 0, 1)
  for (const weight of classWeights ?? []) finite('a weight of a class', weight, 0)
  if (classWeights !== undefined && classWeights.length !== classes)
    throw failure('invalid-argument', `there are ${classWeights.length} weights for ${classes} classes: give one each`)
  if (!Number.isSafeInteger(ignore)) throw failure('invalid-argument', `ignore is ${ignore}; it is a class number, or another whole one`)
  const target = targetInput(b, targetOf(loss), 'int64', [rows, ...inner])
  // What does not count becomes a number that is no class, whose row is of zeros. (-100 by itself is one for OneHot, from the end.)
  const label = e.where(e.compare('Equal', target, ignore), e.num(classes, target), target)
  const hot = e.op('OneHot', [label, b.ints(classes), b.constant(new Tensor('float32', new Float32Array([0, 1]), [2]))], { axis: 1 })
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
    classes: { classes, ignore },
    correct: sum(e, e.cast(e.compare('Equal', best, label), 'float32')),
    counted: sum(e, hot),
  }
}
