import { isActiveStorageError } from '../../core/errors.ts'
import type { Graph } from '../../graph/graph.ts'
import { readGraph } from '../../graph/read.ts'
import { upgrade } from '../../graph/upgrade.ts'

/** Files beyond this are not looked into when they are put: what they take of a batch is what they state. */
const MOST_BYTES = 2 ** 30

/** A model's graph in a form that types can be inferred of; undefined where it is of operators that are not known here. */
export const readable = (file: Uint8Array, external: Readonly<Record<string, Uint8Array>>): Graph | undefined => {
  if (file.length > MOST_BYTES) return undefined
  try {
    return upgrade(readGraph(file, { external }).graph)
  } catch (error) {
    if (isActiveStorageError(error) && error.code !== 'internal') return undefined
    throw error
  }
}
