import type { Graph } from '../../graph/graph.ts'
import type { RoleKind } from './kinds.ts'

/** Which nodes run in training mode, by name of the node. */
export interface Modes {
  /** BatchNormalizations that normalize by the batch and move their statistics, and Dropouts that drop. */
  readonly training: ReadonlySet<string>
  /** Those of a frozen part, which run as in inference. */
  readonly inference: ReadonlySet<string>
  /** Running statistics of BatchNormalizations that are trained and have no parameters, by name of the tensor. */
  readonly plain: ReadonlySet<string>
}

/**
 * A BatchNormalization whose scale or shift is trained normalizes by the batch; one whose scale or shift is a frozen parameter
 * does not. One without parameters (`affine=False`), and a Dropout, run as in inference only where what comes before them is
 * frozen: parameters lead to them, and none of these is trained.
 * @param graph in the training dialect. @param kindOf what an initializer is; undefined for all else
 */
export const modesOf = (graph: Graph, kindOf: (name: string) => RoleKind | undefined): Modes => {
  const [moved, still] = [new Set<string>(), new Set<string>()]
  const isMoved = (name: string) => kindOf(name) === 'trained' || moved.has(name)
  const isStill = (name: string) => kindOf(name) === 'frozen' || still.has(name)
  const [training, inference, plain] = [new Set<string>(), new Set<string>(), new Set<string>()]
  for (const { op, name, inputs, outputs } of graph.nodes) {
    if (inputs.some(isMoved)) for (const output of outputs) moved.add(output)
    if (inputs.some(isStill)) for (const output of outputs) still.add(output)
    if (op !== 'BatchNormalization' && op !== 'Dropout') continue
    const [x = ''] = inputs
    const own = op === 'Dropout' ? [] : inputs.slice(1, 3)
    const trains = own.some(isMoved) || (!own.some(isStill) && (isMoved(x) || !isStill(x)))
    ;(trains ? training : inference).add(name)
    if (trains && op === 'BatchNormalization' && !own.some(isMoved)) for (const statistic of inputs.slice(3)) plain.add(statistic)
  }
  return { training, inference, plain }
}
