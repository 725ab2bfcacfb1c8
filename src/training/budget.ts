import { failure } from '../core/errors.ts'
import type { Graph } from '../graph/graph.ts'
import { neededFor } from '../graph/prune.ts'
import { recomputing } from './recompute.ts'

/** What a run keeps of its forward part for the way back, in bytes. */
export interface Activations {
  /** With everything kept that a gradient takes. */
  readonly whole: number
  readonly kept: number
  /** Results that are computed again. */
  readonly again: number
}

/**
 * A training graph that keeps no more of its forward part for its gradients than a budget, and computes the rest again.
 * @param ends outputs of the forward part: what they need is it
 * @throws ActiveStorageError `too-large` where the least that can be kept is more
 */
export const withinBudget = (
  graph: Graph,
  ends: readonly string[],
  bytes: number,
): { readonly graph: Graph; readonly activations: Activations } => {
  const forward = new Set(neededFor(graph.nodes, ends).map(({ name }) => name))
  const { graph: less, before, kept, again } = recomputing(graph, { forward, keepBytes: bytes })
  if (kept > bytes)
    throw failure('too-large', `the activations of a batch of this size take ${kept} bytes where as little as possible is kept, and activationBytes is ${bytes}: allow that many, or use smaller batches, accumulated to a step`) // prettier-ignore
  return { graph: less, activations: { whole: before, kept, again: again.length } }
}
