import { failure } from '../../core/errors.ts'
import type { Node } from '../../graph/graph.ts'
import type { Value } from '../../graph/builder.ts'
import type { Emit } from '../emit.ts'
import { attribute, called, range, shapeOf, sizeOf } from './rule.ts'

/** A tensor with a label on each of its axes. */
export interface Labelled {
  readonly value: Value
  readonly labels: readonly string[]
}

/** An Einsum's equation: labels of each operand and of the result. An ellipsis is spelled out, as "0", "1", ... */
export interface Equation {
  readonly operands: readonly (readonly string[])[]
  readonly result: readonly string[]
}

export const equationOf = (node: Node, inputs: readonly Value[]): Equation => {
  const text = attribute({ node }, 'equation', 'string', '').replaceAll(/\s/g, '')
  const refuse = (why: string): never => {
    throw failure('unsupported', `${called(node)}: its equation "${text}" ${why}`)
  }
  if (!/^[A-Za-z.,]*(->[A-Za-z.]*)?$/.test(text)) refuse('is not one of letters, commas, an ellipsis and an arrow')
  const [left = '', right] = text.split('->')
  const terms = left.split(',')
  if (terms.length !== inputs.length) refuse(`is of ${terms.length} tensors, and it has ${inputs.length}`)
  const hidden = terms.map((term, i) => (term.includes('...') ? (inputs[i]?.shape.length ?? 0) - (term.length - 3) : 0))
  const most = Math.max(...hidden)
  const spelled = (term: string, count: number): string[] => {
    const [front = '', back] = term.split('...')
    const letters = (part: string): string[] => part.match(/[A-Za-z]/g) ?? []
    return back === undefined ? letters(front) : [...letters(front), ...range(count).map((i) => String(i + most - count)), ...letters(back)]
  }
  const operands = terms.map((term, i) => spelled(term, hidden[i] ?? 0))
  for (const [i, labels] of operands.entries()) {
    if (labels.length !== inputs[i]?.shape.length) refuse(`does not fit the ${inputs[i]?.shape.length ?? 0} dimensions of its input ${i}`)
    if (new Set(labels).size < labels.length) refuse(`takes a diagonal of its input ${i}; take it by a Gather before`)
  }
  const all = operands.flat()
  const once = [...new Set(all)].filter((label) => /[A-Za-z]/.test(label) && all.indexOf(label) === all.lastIndexOf(label)).toSorted()
  const result = right === undefined ? [...range(most).map(String), ...once] : spelled(right, most)
  if (result.some((label) => !all.includes(label)) || new Set(result).size < result.length)
    refuse('has a result with labels that no input has, or twice')
  return { operands, result }
}

/** An operand without the axes along which it is broadcast. */
export const withoutBroadcast = (e: Emit, { value, labels }: Labelled, sizes: ReadonlyMap<string, number>): Labelled => {
  const sides = shapeOf(value)
  const kept = range(sides.length).filter((axis) => sides[axis] === sizes.get(labels[axis] ?? ''))
  return { value: e.reshape(value, kept.map((axis) => sides[axis] ?? 1)), labels: kept.map((axis) => labels[axis] ?? '') } // prettier-ignore
}

export const sizesOf = (operands: readonly Labelled[]): ReadonlyMap<string, number> => {
  const sizes = new Map<string, number>()
  for (const { value, labels } of operands) {
    const sides = shapeOf(value)
    for (const [axis, label] of labels.entries()) sizes.set(label, Math.max(sizes.get(label) ?? 1, sides[axis] ?? 1))
  }
  return sizes
}

/**
 * The sum of products over all labels that the result lacks, by MatMul, Mul and ReduceSum: onnxruntime's Einsum gives
 * other bits with other numbers of threads. Operands are taken from the left, two by two. A label of the result that no
 * operand has is left out of it.
 */
export const contract = (e: Emit, operands: readonly Labelled[], result: readonly string[]): Labelled => {
  const [first, ...rest] = operands
  if (first === undefined) throw failure('internal', 'a product of nothing')
  const joined = rest.reduce((left, right, i) => {
    const later = new Set([...result, ...rest.slice(i + 1).flatMap(({ labels }) => labels)])
    return pair(e, left, right, later)
  }, first)
  const summed = summedBut(e, joined, new Set(result))
  const order = result.filter((label) => summed.labels.includes(label))
  return { value: e.transpose(summed.value, order.map((label) => summed.labels.indexOf(label))), labels: order } // prettier-ignore
}

const summedBut = (e: Emit, { value, labels }: Labelled, kept: ReadonlySet<string>): Labelled => {
  const axes = range(labels.length).filter((axis) => !kept.has(labels[axis] ?? ''))
  return axes.length === 0 ? { value, labels } : { value: e.sum(value, axes, false), labels: labels.filter((label) => kept.has(label)) }
}

const pair = (e: Emit, one: Labelled, other: Labelled, later: ReadonlySet<string>): Labelled => {
  const left = summedBut(e, one, new Set([...later, ...other.labels]))
  const right = summedBut(e, other, new Set([...later, ...one.labels]))
  const sizes = sizesOf([left, right])
  const both = left.labels.filter((label) => right.labels.includes(label))
  const batch = both.filter((label) => later.has(label))
  const inner = both.filter((label) => !later.has(label))
  const rows = left.labels.filter((label) => !both.includes(label))
  const columns = right.labels.filter((label) => !both.includes(label))
  const size = (labels: readonly string[]): number => sizeOf(sides(labels))
  const sides = (labels: readonly string[]): number[] => labels.map((label) => sizes.get(label) ?? 1)
  const ordered = ({ value, labels }: Labelled, order: readonly string[]): Value =>
    e.transpose(value, order.map((label) => labels.indexOf(label))) // prettier-ignore
  const labels = [...batch, ...rows, ...columns]
  if (inner.length === 0 && rows.length === 0 && columns.length === 0)
    return { value: e.mul(ordered(left, batch), ordered(right, batch)), labels }
  const a = e.reshape(ordered(left, [...batch, ...rows, ...inner]), [...sides(batch), size(rows), size(inner)])
  const b = e.reshape(ordered(right, [...batch, ...inner, ...columns]), [...sides(batch), size(inner), size(columns)])
  return { value: e.reshape(e.matmul(a, b), sides(labels)), labels }
}
