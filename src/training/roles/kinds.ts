import type { Graph } from '../../graph/graph.ts'
import type { Kept } from '../../graph/model.ts'

/**
 * `trained`: changes in each step. `frozen`: a parameter that stays. `buffer`: kept with the model but not learned, such as
 * running statistics and masks. `constant`: part of the computation.
 */
export const roleKinds = ['trained', 'frozen', 'buffer', 'constant'] as const
export type RoleKind = (typeof roleKinds)[number]

/** What one tensor of a model is in training, and by which sign. */
export interface Role {
  readonly name: string
  readonly kind: RoleKind
  readonly why: string
  readonly shape: readonly number[]
}

/** A guess about one tensor. */
export interface Verdict {
  readonly kind: 'parameter' | 'frozen' | 'buffer' | 'constant'
  readonly why: string
  /** Set where another reading is as good: the sentence that a user reads. */
  readonly doubt?: string
}

/** What decides over a model: its graph as the file has it, and what the exporter wrote beside it. */
export interface Source {
  readonly graph: Graph
  readonly metadata?: ReadonlyMap<string, string>
  readonly kept?: Kept
}
export const isSource = (given: Graph | Source): given is Source => 'graph' in given
