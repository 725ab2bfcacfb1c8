import { failure } from '../core/errors.ts'
import { Tensor } from '../core/tensor.ts'
import type { GraphBuilder, Value } from '../graph/builder.ts'
import type { Graph, Node, ValueType } from '../graph/graph.ts'
import { attributeOf } from '../graph/attributes.ts'
import { neededFor } from '../graph/prune.ts'
import { builderOf } from '../graph/rebuild.ts'
import { Emit } from './emit.ts'
import { called, type Rule, type RuleContext, type Rules, shapeOf, sizeOf } from './rules/rule.ts'
import { flowsThrough, rules as all } from './rules/table.ts'

export interface GradientOptions {
  /** The tensor that is differentiated: floats, of one element. */
  readonly loss: string
  /** By which tensors: inputs, initializers, or results of nodes. */
  readonly of: readonly string[]
  /** Rules by operator. Default: all that there are. */
  readonly rules?: Rules
  /** Rows that a Gather along the first axis gives no gradient, by its table. Default none. */
  readonly padding?: ReadonlyMap<string, number>
}

const FLOATS = new Set(['float32', 'float64', 'float16'])

/** Tensors that are known before the graph runs: initializers, also through Constant and Identity nodes. */
export const constantsOf = ({ initializers, nodes }: Graph): ((name: string) => Tensor | undefined) => {
  const made = new Map<string, Node>()
  for (const node of nodes) if (node.op === 'Constant' || node.op === 'Identity') made.set(node.outputs[0] ?? '', node)
  const find = (name: string): Tensor | undefined => {
    const held = initializers.get(name)
    const node = made.get(name)
    if (held !== undefined || node === undefined) return held
    if (node.op === 'Identity') return find(node.inputs[0] ?? '')
    return constantOf(node)
  }
  return find
}

const constantOf = ({ attributes }: Node): Tensor | undefined => {
  const { value, value_int: int, value_ints: ints } = attributes
  if (value?.type === 'tensor') return value.value
  if (int?.type === 'int') return new Tensor('int64', new BigInt64Array([BigInt(int.value)]), [])
  return ints?.type === 'ints' ? new Tensor('int64', BigInt64Array.from(ints.value, BigInt), [ints.value.length]) : undefined
}

/**
 * Adds to a graph the gradients of a loss by some of its tensors, as nodes of standard operators, and returns the
 * gradient of each, of the tensor's own shape. Only what lies between them and the loss is differentiated: a part that
 * is frozen needs no rules. All shapes have to be known (`bind`).
 *
 * @throws ActiveStorageError `unsupported` naming a node on the way that has no gradient; `invalid-argument` where the
 * loss is not one float, or depends on none of the tensors
 */
export const gradientGraph = (
  b: GraphBuilder,
  { loss, of, rules = all, padding = new Map() }: GradientOptions,
): ReadonlyMap<string, Value> => {
  const graph = b.build()
  const lossValue = b.value(loss)
  if (!FLOATS.has(lossValue.dtype) || sizeOf(shapeOf(lossValue)) !== 1)
    throw failure('invalid-argument', `the loss "${loss}" is ${lossValue.dtype} [${lossValue.shape.join(', ')}]: it has to be one float, so reduce it by a mean or a sum`) // prettier-ignore
  for (const name of of) {
    const { dtype } = b.value(name)
    if (!FLOATS.has(dtype)) throw failure('invalid-argument', `there is no gradient by "${name}", whose elements are ${dtype}: only floats can be trained`) // prettier-ignore
  }
  const moved = movedBy(graph.nodes, (name) => b.value(name), of)
  if (!moved.has(loss))
    throw failure('invalid-argument', `the loss "${loss}" depends on none of ${of.map((name) => `"${name}"`).join(', ')}: name the parameters that it is computed from`) // prettier-ignore

  const constant = constantsOf(graph)
  const parts = new Map<string, Value[]>([[loss, [new Emit({ b, node: { name: 'loss' } }).full(1, lossValue)]]])
  const gather = (name: string, node: { readonly name: string }): Value | undefined => {
    const found = parts.get(name)
    if (found === undefined || found.length === 0) return undefined
    const whole = new Emit({ b, node }).total(found)
    parts.set(name, [whole])
    return whole
  }
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => parts.has(name))) continue
    const needs = node.inputs.map((name, i) => moved.has(name) && flowsThrough(node, i))
    if (!needs.some(Boolean)) continue
    const grads = node.outputs.map((name) => (name === '' ? undefined : withoutPadding(b, node, gather(name, node), padding)))
    const value = (name: string): Value | undefined => (name === '' ? undefined : b.value(name))
    const ctx: RuleContext = {
      b,
      node,
      inputs: node.inputs.map(value),
      outputs: node.outputs.map(value),
      grads,
      needs,
      constant: (i) => constant(node.inputs[i] ?? ''),
    }
    const made = ruleOf(rules, node)(ctx)
    for (const [i, name] of node.inputs.entries()) {
      if (!needs[i]) continue
      const gradient = made[i]
      // Taken for zero, it would train to a wrong end without a word.
      if (gradient === undefined)
        throw failure('unsupported', `${called(node)}: there is no gradient by its input ${i}, "${name}": freeze what is before it, or replace the node by operators that docs/training.md lists`) // prettier-ignore
      fits(node, gradient, b.value(name))
      parts.set(name, [...(parts.get(name) ?? []), gradient])
    }
  }
  // A tensor that the loss does not depend on has a gradient all the same: zeros.
  return new Map(
    of.map((name) => {
      const node = { name: `grad/${name}` }
      return [name, gather(name, node) ?? new Emit({ b, node }).full(0, b.value(name))] as const
    }),
  )
}

/** The gradient of a look-up with zeros where the row that stands for padding was looked up. */
const withoutPadding = (
  b: GraphBuilder,
  node: Node,
  gradient: Value | undefined,
  padding: ReadonlyMap<string, number>,
): Value | undefined => {
  const [table = '', indices = ''] = node.inputs
  const row = node.op === 'Gather' ? padding.get(table) : undefined
  if (gradient === undefined || row === undefined || (attributeOf(node, 'axis', 'int') ?? 0) !== 0) return gradient
  const e = new Emit({ b, node })
  const places = b.value(indices)
  const sides = shapeOf(gradient)
  // [indices..., 1...]: one flag for each row that was looked up.
  const flags = e.reshape(
    e.compare('Equal', places, row),
    sides.map((side, axis) => (axis < places.shape.length ? side : 1)),
  )
  return e.masked(e.op('Not', [flags]), gradient)
}

/** All float tensors that move with one of these: the nodes are in an order in which each tensor is made before it is used. */
export const movedBy = (nodes: readonly Node[], typeOf: (name: string) => ValueType, of: readonly string[]): ReadonlySet<string> => {
  const moved = new Set(of)
  for (const node of nodes) {
    if (!node.inputs.some((name, i) => moved.has(name) && flowsThrough(node, i))) continue
    for (const output of node.outputs) if (output !== '' && FLOATS.has(typeOf(output).dtype)) moved.add(output)
  }
  return moved
}

/**
 * Refuses a graph that no batch could be trained on, before there is one: an operator between what is trained and the
 * outputs that losses take has no rule. What rules say of shapes is known with the first batch only.
 * @throws ActiveStorageError `unsupported` naming the node
 */
export const checkRules = (graph: Graph, of: readonly string[], outputs: readonly string[]): void => {
  const types = builderOf(graph)
  const moved = movedBy(graph.nodes, (name) => types.value(name), of)
  for (const node of neededFor(graph.nodes, outputs)) if (node.outputs.some((name) => moved.has(name))) ruleOf(all, node)
}

const ruleOf = (rules: Rules, node: Node): Rule => {
  const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined
  if (rule !== undefined) return rule
  throw failure('unsupported', `${called(node)} lies between the loss and what is trained, and ${node.op} has no gradient here: freeze what is before it, or replace it by operators that docs/training.md lists`) // prettier-ignore
}

// A rule of another shape would be a defect of ours, and would otherwise show far from it.
const fits = (node: Node, gradient: Value, { name, shape }: Value): void => {
  if (gradient.shape.length === shape.length && gradient.shape.every((side, i) => side === shape[i])) return
  throw failure('internal', `the gradient of ${called(node)} by "${name}" has shape [${gradient.shape.join(', ')}], not [${shape.join(', ')}]`) // prettier-ignore
}
