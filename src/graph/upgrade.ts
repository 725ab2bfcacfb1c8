import { failure } from '../core/errors.ts'
import { GraphBuilder } from './builder.ts'
import type { Graph, Node } from './graph.ts'
import { OPSETS } from './model.ts'
import { builderOf } from './rebuild.ts'
import { attributesToInputs } from './upgrade/inputs.ts'
import { branchOf } from './upgrade/branches.ts'
import { lowered } from './upgrade/lower.ts'

/** The opset that gradients are derived in. */
export const TRAINING_OPSET = 20

/**
 * The same graph in opset 20, from 7 to 22. What changed its form is rewritten, with the names of its outputs kept; an If
 * whose condition is known becomes its branch. Most newer operators are the same but for types.
 * @throws ActiveStorageError `unsupported` naming the node, for what has no equal there: Loop, Scan, an If that depends on
 * data, operators that are not known here
 */
export const upgrade = (graph: Graph): Graph => {
  const { opset } = graph
  if (opset < OPSETS.oldest || opset > OPSETS.newest)
    throw failure(
      'unsupported',
      `graph ${graph.name} is of opset ${opset}, where ${OPSETS.oldest} to ${OPSETS.newest} are known: export it with opset 20`,
    )
  const add = (node: Node, builder: GraphBuilder): void => {
    if (node.op === 'If') {
      for (const inner of branchOf(node, builder)) add(inner, builder)
      return
    }
    if (lowered(node, opset, builder)) return
    builder.node(attributesToInputs(node, opset, builder))
  }
  return builderOf(graph, { opset: TRAINING_OPSET, node: add }).build()
}
