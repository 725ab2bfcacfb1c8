import { failure } from '../core/errors.ts'
import { usedBy } from '../graph/check.ts'
import { cut } from '../graph/cut.ts'
import { fold } from '../graph/fold.ts'
import type { Graph } from '../graph/graph.ts'
import { neededFor } from '../graph/prune.ts'
import { upgrade } from '../graph/upgrade.ts'
import { gradientOf } from './names.ts'
import type { ParameterGroup, TrainOptions } from './prepare.ts'
import { named, trainableOf } from './trainable.ts'

/** A part of a model, and how it is trained. */
export interface Half {
  readonly graph: Graph
  readonly options: TrainOptions
}
/** A model in two parts that are trained apart: activations go from the front to the back, and gradients from the back to the front. */
export interface Halves {
  readonly front: Half
  readonly back: Half
  /** Inputs of the model that the back takes as they are. */
  readonly passed: readonly string[]
}

/**
 * Parts a model at tensors, so that both parts together make the steps of the whole: each has the whole's optimizer for its
 * own parameters, and masks by the whole's names.
 * @throws ActiveStorageError `not-found` for a tensor that the model does not have; `invalid-argument` where a part has
 * nothing to train, or a trained weight is needed on both sides
 */
export const splitAt = (model: Graph, at: readonly string[], options: TrainOptions): Halves => {
  const graph = fold(upgrade(model))
  const trainable = trainableOf({ graph: model }, options.trainable, graph)
  const back = neededFor(graph.nodes, graph.outputs.keys(), new Set(at))
  const used = new Set([...back.flatMap(usedBy), ...graph.outputs.keys()])
  const passed = [...graph.inputs.keys()].filter((name) => used.has(name) && !at.includes(name))
  const halves = {
    front: cut(graph, { outputs: at }),
    back: cut(graph, { inputs: [...at, ...passed] }),
  }
  for (const [name, { dtype }] of halves.front.outputs)
    if (dtype !== 'float32' || graph.inputs.has(name))
      throw failure('invalid-argument', `the model cannot be parted at "${name}", ${graph.inputs.has(name) ? 'which is an input of it' : `whose elements are ${dtype}`}: name a float32 result of a node`) // prettier-ignore
  const both = trainable.find((name) => halves.front.initializers.has(name) && halves.back.initializers.has(name))
  if (both !== undefined)
    throw failure('invalid-argument', `"${both}" is trained, and needed before and after ${at.join(', ')}: cut elsewhere, name all tensors that lead across, or freeze it (trainable)`) // prettier-ignore
  const of = ({ initializers }: Graph, side: string) => {
    const own = trainable.filter((name) => initializers.has(name))
    if (own.length === 0)
      throw failure('invalid-argument', `nothing of the model is trained ${side} ${at.join(', ')}: cut elsewhere${side === 'before' ? ', or train on kept `features`' : ''}`) // prettier-ignore
    const { groups = [], activationBytes: _, paddingRows = {}, ...rest } = options
    const rows = Object.entries(paddingRows).filter(([name]) => initializers.has(name))
    const mine = groups.filter(({ match }: ParameterGroup) => own.some(named(match)))
    return {
      ...rest,
      trainable: own,
      ...(rows.length > 0 && { paddingRows: Object.fromEntries(rows) }),
      ...(mine.length > 0 && { groups: mine }),
    }
  }
  // The front is where memory is stated for.
  const bytes = options.activationBytes === undefined ? {} : { activationBytes: options.activationBytes }
  return {
    front: {
      graph: halves.front,
      options: {
        ...of(halves.front, 'before'),
        ...bytes,
        loss: at.map((output) => ({ kind: 'given', output, target: gradientOf(output) })),
      },
    },
    back: { graph: halves.back, options: { ...of(halves.back, 'after'), inputGradients: at } },
    passed,
  }
}
