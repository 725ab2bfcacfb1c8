import { isActiveStorageError } from '../../core/errors.ts'
import { checkBoundsOf } from '../../graph/bounds.ts'
import type { Graph } from '../../graph/graph.ts'
import { readGraph } from '../../graph/read.ts'
import { upgrade } from '../../graph/upgrade.ts'

/** Files beyond this are not looked into when they are put: what they take of a batch is what they state. */
const MOST_BYTES = 2 ** 30

/** Nodes beyond which a graph is not looked into: it is done several times over, between calls of others. */
const MOST_NODES = 20_000

/** The same of names, attributes, types and other parts, some twenty a node, and of bytes of tensors as lists of numbers. */
const MOST_PARTS = 400_000
const MOST_NUMBERS = 2 ** 22

/** The oldest opset whose types are inferred as they are. */
const INFERRED = 13

/** A model's graph in a form that types can be inferred of; undefined where it is of operators that are not known here. */
export const readable = (file: Uint8Array, external: Readonly<Record<string, Uint8Array>>): Graph | undefined => {
  if (file.length > MOST_BYTES) return undefined
  try {
    const { nodes, parts, numberBytes } = checkBoundsOf(file)
    if (nodes > MOST_NODES || parts > MOST_PARTS || numberBytes > MOST_NUMBERS) return undefined
    const { graph } = readGraph(file, { external })
    return graph.opset < INFERRED ? upgrade(graph) : graph
  } catch (error) {
    if (isActiveStorageError(error) && error.code !== 'internal') return undefined
    throw error
  }
}
