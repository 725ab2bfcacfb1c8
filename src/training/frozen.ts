import { failure } from '../core/errors.ts'
import { cut } from '../graph/cut.ts'
import { fold } from '../graph/fold.ts'
import type { Graph } from '../graph/graph.ts'
import { upgrade } from '../graph/upgrade.ts'
import { trainableOf } from './trainable.ts'

/** A model in two parts, of which the first is not trained. */
export interface Split {
  /** From the model's inputs to `at`. */
  readonly backbone: Graph
  /** From `at` to the model's outputs. */
  readonly head: Graph
  /** The tensors between them: what the backbone gives of each sample, along its first axis. */
  readonly at: readonly string[]
}

/**
 * Parts a model where training begins: before the first node that a trained weight moves. What the backbone gives of a
 * sample is then the same in every epoch.
 * @throws ActiveStorageError `invalid-argument` where there is no frozen part to speak of, or what is trained takes an input
 * of the model by itself
 */
export const splitFrozen = (model: Graph, trainable: readonly string[] | undefined): Split => {
  const graph = fold(upgrade(model))
  const moved = new Set(trainableOf({ graph: model }, trainable, graph))
  const fed = new Set(graph.inputs.keys())
  for (const { inputs, outputs } of graph.nodes) {
    // What no input of the model leads to is a constant: it is no feature of a sample.
    if (inputs.some((name) => moved.has(name))) for (const output of outputs) moved.add(output)
    else if (inputs.some((name) => fed.has(name))) for (const output of outputs) fed.add(output)
  }
  const at = new Set<string>()
  for (const node of graph.nodes) {
    if (!node.outputs.some((output) => moved.has(output))) continue
    for (const name of node.inputs) {
      if (graph.inputs.has(name))
        throw failure('invalid-argument', `node ${node.name} (${node.op}) is trained and takes the model's input "${name}" itself: nothing before it is frozen, so train without kept features, or freeze more (trainable)`) // prettier-ignore
      if (fed.has(name) && !moved.has(name)) at.add(name)
    }
  }
  if (at.size === 0) throw failure('invalid-argument', 'nothing of the model is trained after a frozen part: name in `trainable` what is')
  for (const name of graph.outputs.keys()) if (!moved.has(name)) at.add(name)
  const names = [...at]
  return { backbone: cut(graph, { outputs: names }), head: cut(graph, { inputs: names }), at: names }
}
