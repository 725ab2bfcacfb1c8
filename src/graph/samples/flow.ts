import { attributeOf } from '../attributes.ts'
import type { AttributeValues, Dim, Node } from '../graph.ts'

/**
 * Where the samples of a batch are in a tensor.
 * - a number: the axis that counts them. Its side is a multiple of their number, and what belongs to a sample lies together.
 * - `none`: the tensor is the same whatever the samples are.
 * - lost: `mixed` where an element depends on several samples, else it cannot be told.
 */
export type Flow = number | 'none' | Lost
export interface Lost {
  readonly node: string
  readonly op: string
  readonly mixed: boolean
}
export const isLost = (flow: Flow): flow is Lost => typeof flow === 'object'

/** A node with what is known of its tensors, as the rules read it. */
export interface FlowNode {
  readonly node: Node
  /** Samples in the batch: 2 or more. */
  readonly size: number
  readonly flows: readonly Flow[]
  readonly inputs: readonly (readonly Dim[] | undefined)[]
  readonly outputs: readonly (readonly Dim[] | undefined)[]
  readonly numbers: (input: number) => readonly number[] | undefined
}

/** Gives the flow of each output; the inputs hold no lost flow, and at least one holds samples. */
export type FlowRule = (at: FlowNode) => readonly Flow[]

export const lost = ({ node }: FlowNode, mixed: boolean): Lost => ({ node: node.name, op: node.op, mixed })
export const mixed = (at: FlowNode): Lost => lost(at, true)
export const unknown = (at: FlowNode): Lost => lost(at, false)

export const attribute = <T extends keyof AttributeValues>({ node }: FlowNode, name: string, type: T): AttributeValues[T] | undefined =>
  attributeOf(node, name, type)
export const int = (at: FlowNode, name: string, otherwise: number): number => attribute(at, name, 'int') ?? otherwise

export const rankOf = (at: FlowNode, input: number): number => at.inputs[input]?.length ?? 0
export const fromStart = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** The axis that holds samples in the first input alone; undefined where another input holds some too. */
export const onlyFirst = ({ flows }: FlowNode): number | undefined => {
  const [first] = flows
  return typeof first === 'number' && flows.slice(1).every((flow) => typeof flow !== 'number') ? first : undefined
}

const isNumber = (side: Dim | undefined): side is number => typeof side === 'number'
const product = (sides: readonly Dim[]): number | undefined =>
  sides.every(isNumber) ? sides.reduce((total, side) => total * side, 1) : undefined

/**
 * Where samples are within a shape: an axis, whose side is `outer` times their number times what belongs together. With an
 * `outer` above 1 they come again and again along the axis: [T, N] made one side, row by row.
 */
export interface Place {
  readonly axis: number
  readonly outer: number
}
/** The place of samples after the same elements were given another shape; undefined where no axis holds them. */
export const reshaped = ({ axis, outer }: Place, before: readonly Dim[], after: readonly Dim[], size: number): Place | undefined => {
  const ahead = product(before.slice(0, axis))
  if (ahead === undefined) return undefined
  const repeats = ahead * outer
  for (const [at, side] of after.entries()) {
    const own = product(after.slice(0, at))
    if (own === undefined || !isNumber(side)) return undefined
    if (side > 0 && repeats % own === 0 && (own * side) % (repeats * size) === 0) return { axis: at, outer: repeats / own }
  }
  return undefined
}

/** Axes aligned from the last, as in broadcasting: the axis of the output; `undefined` where two inputs disagree. */
export const broadcast = (at: FlowNode, flows: readonly Flow[] = at.flows): number | undefined => {
  const rank = at.outputs[0]?.length ?? 0
  const axes = new Set(flows.flatMap((flow, i) => (typeof flow === 'number' ? [rank - rankOf(at, i) + flow] : [])))
  const [axis] = axes
  return axes.size === 1 ? axis : undefined
}
