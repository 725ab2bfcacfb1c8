import type { Graph } from '../../graph/graph.ts'
import type { Declared } from './declared.ts'
import type { Role, Source } from './kinds.ts'
import type { Modes } from './modes.ts'
import type { Program } from './program.ts'
import type { Uses } from './uses.ts'

/** What training does with each tensor of a model. */
export interface Decision {
  /** All tensors that the file holds by name, in its order. */
  readonly roles: readonly Role[]
  /** The names of those that are trained, in the order of the file. */
  readonly trainable: readonly string[]
  /** Which BatchNormalizations and Dropouts run in training mode. */
  readonly modes: Modes
  /** Rows that get no gradient from look-ups, by table. */
  readonly padding: ReadonlyMap<string, number>
  /** What may be another training than the user's: each names tensors, and what to do. */
  readonly warnings: readonly string[]
  /** What the file cannot say, and no sign in it tells. */
  readonly notes: readonly string[]
}

/** All signs about a model, read once. */
export interface Signs {
  readonly source: Source
  /** The model in the training dialect. */
  readonly raised: Graph
  readonly uses: Uses
  readonly declared: Declared | undefined
  readonly program: Program | undefined
  /** Whether names are those of a state_dict, so that constants have other ones. */
  readonly named: boolean
}
