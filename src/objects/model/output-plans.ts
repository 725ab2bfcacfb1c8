import type { TensorSpec } from '../../core/self.ts'
import type { Graph } from '../../graph/graph.ts'
import { type Flow, isLost } from '../../graph/samples.ts'
import { joinOf, type OutputPlan } from './batch-plan.ts'
import { flowsOf, SAMPLES, type Tried } from './trials.ts'

/** An output that mixes samples, and the node that does: what a warning begins with. */
export const mixingOf = (graph: Graph, flows: readonly Flow[]): string | undefined => {
  const at = flows.findIndex((flow) => isLost(flow) && flow.mixed)
  const flow = flows[at]
  if (flow === undefined || !isLost(flow)) return undefined
  return `output "${[...graph.outputs.keys()][at] ?? ''}": node ${flow.node} (${flow.op}) computes across the samples of a batch`
}

/**
 * How the outputs of runs are joined: by where the samples are when the graph is given several, else by the shape of one
 * run, else by what the file states.
 */
export const outputsOf = (graph: Graph, run: Tried, size: number, specs: readonly TensorSpec[]): Readonly<Record<string, OutputPlan>> => {
  const flows = flowsOf(graph, run)
  return Object.fromEntries(
    specs.map(({ name, shape: stated, unranked }): [string, OutputPlan] => {
      const [flow, inferred] = [flows.get(name), run.one.types.get(name)?.shape]
      if (flow === 'none') return [name, { join: 'once' }]
      // A side that is not inferred is as stated: one with a name of its own depends on the data.
      const shape = inferred?.map((side, at) => (typeof side === 'number' ? side : (stated[at] ?? '')))
      if (typeof flow === 'number' && run.several?.types.get(name)?.shape[flow] === SAMPLES) {
        const rows = (shape ?? []).findIndex((side, at) => at !== flow && typeof side === 'string')
        return [name, { join: 'axis', axis: flow, ...(rows >= 0 && { rows }) }]
      }
      const byShape = joinOf(shape ?? (unranked === true ? undefined : stated), size, new Set())
      // Samples are there, but on no axis of their own: what one run gives is one entry.
      return [name, typeof flow === 'number' && byShape.join === 'ask' && size === 1 ? { join: 'stack' } : byShape]
    }),
  )
}
