import type { Graph } from './graph.ts'

/** Parts of a file that are not needed to understand a graph, but belong to whoever made it: written back as they were. */
export interface Kept {
  /** Fields of the model: its producer, its documentation, training information. */
  readonly model: readonly Uint8Array[]
  readonly graph: readonly Uint8Array[]
  /** Fields of nodes by name, of stated types (inputs, outputs and between) by the tensor's name. */
  readonly nodes: ReadonlyMap<string, readonly Uint8Array[]>
  readonly values: ReadonlyMap<string, Uint8Array>
  /** Initializers that are listed as inputs too, so that a caller may replace them. */
  readonly overridable: readonly string[]
}

/** An ONNX file. */
export interface Model {
  readonly irVersion: number
  /** All imports, also of domains of which no node is. */
  readonly opsets: readonly { readonly domain: string; readonly version: number }[]
  readonly metadata: ReadonlyMap<string, string>
  readonly graph: Graph
  readonly kept?: Kept
}

/** Oldest and newest version of ONNX's operators that is read. Below 13 the training dialect needs `upgrade`. */
export const OPSETS = { oldest: 7, newest: 22 } as const
