import { isActiveStorageError } from '../../core/errors.ts'
import type { Dim, Graph } from '../../graph/graph.ts'
import { type Flow, followSamples } from '../../graph/samples.ts'
import { type GraphTypes, typesOf } from '../../graph/types.ts'

/** Lengths that open sides are given while a graph is tried, the first that fits: pictures and texts of usual sizes. */
export const LENGTHS = [64, 224, 16, 256]
/** Samples in the batch that is followed: no side is likely to be a multiple of it by chance. */
export const SAMPLES = 7

export type Axes = ReadonlyMap<string, number>
/** The types of a graph for one sample and for several, or why there are none. */
export interface Tried {
  readonly axes: Axes
  readonly one: GraphTypes
  readonly several?: GraphTypes
  readonly reason?: string
}

export const sidesOf = (graph: Graph, axes: Axes, samples: number, length: number): Graph => {
  const batch = new Set<Dim | undefined>(
    [...axes].map(([name, axis]) => graph.inputs.get(name)?.shape[axis]).filter((side) => typeof side === 'string'),
  )
  const bound = (name: string, side: Dim, at: number): Dim => {
    if (axes.get(name) === at || batch.has(side)) return samples
    return typeof side === 'string' ? length : side
  }
  return {
    ...graph,
    inputs: new Map(
      [...graph.inputs].map(([name, type]) => [name, { ...type, shape: type.shape.map((side, at) => bound(name, side, at)) }]),
    ),
  }
}

export const typesFor = (graph: Graph, misfits = false): GraphTypes | string | undefined => {
  try {
    return typesOf(graph, { partial: true, misfits })
  } catch (error) {
    if (isActiveStorageError(error, 'bad-model')) return error.text
    return undefined
  }
}

/**
 * Types for one sample and several, at the first lengths of other open sides that fit one; undefined where none does.
 * @param misfits whether nodes that do not take several samples are left out, rather than being the reason why not
 */
export const tried = (graph: Graph, axes: Axes, { misfits = false } = {}): Tried | undefined => {
  for (const length of LENGTHS) {
    const one = typesFor(sidesOf(graph, axes, 1, length))
    if (one === undefined) return undefined
    if (typeof one === 'string') continue
    const several = typesFor(sidesOf(graph, axes, SAMPLES, length), misfits)
    if (several === undefined) return undefined
    return { axes, one, ...(typeof several === 'string' ? { reason: several } : { several }) }
  }
  return undefined
}

export const flowsOf = (graph: Graph, { axes, several }: Tried): ReadonlyMap<string, Flow> =>
  several === undefined ? new Map() : followSamples(graph, axes, SAMPLES, several)

export const outputFlows = (graph: Graph, flows: ReadonlyMap<string, Flow>): readonly Flow[] =>
  [...graph.outputs.keys()].map((name) => flows.get(name) ?? { node: name, op: '', mixed: false })

export const axesWhere = (graph: Graph, matches: (side: Dim | undefined, name: string) => boolean): Axes =>
  new Map(
    [...graph.inputs].flatMap(([name, { shape }]): [string, number][] => {
      const at = shape.findIndex((side) => matches(side, name))
      return at < 0 ? [] : [[name, at]]
    }),
  )
