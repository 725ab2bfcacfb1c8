import { isActiveStorageError } from '../../core/errors.ts'
import type { ModelShape } from '../../core/self.ts'
import type { Graph } from '../../graph/graph.ts'
import { type BatchPlan, type Planned, statedPlan } from './batch-plan.ts'
import { planMany, planOne } from './plan-fixed.ts'
import { planOpen } from './plan-open.ts'
import { timeFirst } from './time-first.ts'

const byGraph = (graph: Graph, stated: BatchPlan, shape: ModelShape): Planned => {
  const recurrent = timeFirst(graph, stated, shape)
  if (recurrent !== undefined) return { plan: recurrent, warnings: [] }
  if (stated.size === null) return planOpen(graph, stated, shape)
  return stated.size === 1 ? planOne(graph, stated, shape) : planMany(graph, stated, stated.size)
}

/**
 * How a model takes a batch: by its graph, as far as that can be read, else by the shapes that it states.
 * @param graph the graph in a form that types can be inferred of; undefined where it cannot be read
 */
export const planOf = (shape: ModelShape, graph: Graph | undefined): Planned => {
  const stated = statedPlan(shape)
  if (graph === undefined) return { plan: stated, warnings: [] }
  try {
    return byGraph(graph, stated, shape)
  } catch (error) {
    // onnxruntime has loaded it: what is odd about a node here keeps no one from running it.
    if (isActiveStorageError(error) && error.code !== 'internal') return { plan: stated, warnings: [] }
    throw error
  }
}
