import type { ModelShape } from '../../core/self.ts'
import type { Graph } from '../../graph/graph.ts'
import { isLost } from '../../graph/samples.ts'
import type { BatchPlan } from './batch-plan.ts'
import { outputsOf } from './output-plans.ts'
import { type Axes, flowsOf, outputFlows, tried } from './trials.ts'

const RECURRENT = ['LSTM', 'GRU', 'RNN']

const axesAt = (graph: Graph, axis: number): Axes => {
  const side = [...graph.inputs.values()][0]?.shape[axis]
  return new Map(
    [...graph.inputs].flatMap(([name, { shape }]): [string, number][] =>
      side !== undefined && shape[axis] === side ? [[name, axis]] : [],
    ),
  )
}

/**
 * The plan of a recurrent net that takes time first, [T, N, C], as ONNX's own layers do: a layer computes across the first
 * axis of its input, and nothing does across the second. Undefined for all others.
 */
export const timeFirst = (graph: Graph, stated: BatchPlan, { outputs: specs }: ModelShape): BatchPlan | undefined => {
  if (!graph.nodes.some(({ op }) => RECURRENT.includes(op))) return undefined
  const firsts = tried(graph, axesAt(graph, 0))
  const mixed =
    firsts && outputFlows(graph, flowsOf(graph, firsts)).some((flow) => isLost(flow) && flow.mixed && RECURRENT.includes(flow.op))
  if (mixed !== true && firsts?.several !== undefined) return undefined
  const axes = axesAt(graph, 1)
  const run = axes.size === 0 ? undefined : tried(graph, axes)
  if (run?.several === undefined || outputFlows(graph, flowsOf(graph, run)).some(isLost)) return undefined
  const [name = ''] = axes.keys()
  const side = graph.inputs.get(name)?.shape[1]
  const size = typeof side === 'number' ? side : null
  return {
    size,
    inputs: Object.fromEntries(Object.entries(stated.inputs).map(([own, input]) => [own, { ...input, axis: axes.get(own) ?? null }])),
    outputs: size === null ? {} : outputsOf(graph, run, size, specs),
    independent: true,
  }
}
