import { fold } from '../graph/fold.ts'
import type { Graph } from '../graph/graph.ts'
import { upgrade } from '../graph/upgrade.ts'
import { decide } from './roles/decide.ts'
import { isSource, type Source } from './roles/kinds.ts'

export { named } from './roles/patterns.ts'

/** A graph, or a file that was read, whose exporter may have written down what is a parameter. */
export const sourceOf = (given: Graph | Source): Source => (isSource(given) ? given : { graph: given })

/**
 * The names of the initializers that are trained, in the order of the file: those that patterns name, or those that are
 * parameters by all signs (roles/decide.ts).
 * @throws ActiveStorageError `invalid-argument` for a pattern that names none, or nothing to train
 */
export const trainableOf = (given: Graph | Source, patterns?: readonly string[], raised?: Graph): readonly string[] => {
  const source = sourceOf(given)
  return decide(source, raised ?? fold(upgrade(source.graph)), { trainable: patterns }).trainable
}
