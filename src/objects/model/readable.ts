import { isActiveStorageError } from '../../core/errors.ts'
import type { Graph } from '../../graph/graph.ts'
import { readGraph } from '../../graph/read.ts'
import { upgrade } from '../../graph/upgrade.ts'
import { graphFieldsOf } from './stated.ts'

/** Files beyond this are not looked into when they are put: what they take of a batch is what they state. */
const MOST_BYTES = 2 ** 30

/** Nodes beyond which a graph is not looked into: it is done several times over, between calls of others. */
const MOST_NODES = 20_000

/** The oldest opset whose types are inferred as they are. */
const INFERRED = 13

/** A model's graph in a form that types can be inferred of; undefined where it is of operators that are not known here. */
export const readable = (file: Uint8Array, external: Readonly<Record<string, Uint8Array>>): Graph | undefined => {
  if (file.length > MOST_BYTES) return undefined
  try {
    if (graphFieldsOf(file).filter(({ id }) => id === 1).length > MOST_NODES) return undefined
    const { graph } = readGraph(file, { external })
    return graph.opset < INFERRED ? upgrade(graph) : graph
  } catch (error) {
    if (isActiveStorageError(error) && error.code !== 'internal') return undefined
    throw error
  }
}
