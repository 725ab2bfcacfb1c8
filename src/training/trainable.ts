import { failure } from '../core/errors.ts'
import type { Graph, Node } from '../graph/graph.ts'

/** Inputs of operators that hold what is learned, by place; of those that are not named no initializer is trained by itself. */
const LEARNED: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  Einsum: [0, 1],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  LSTM: [1, 2, 3, 7],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
  Gather: [0],
  PRelu: [1],
  Add: [0, 1],
  Sub: [0, 1],
  Mul: [0, 1],
  Where: [1, 2],
}
/** What exporters put between weights and their use: elements change their places, and nothing else. */
const PASSING = new Set([
  'Identity',
  'Transpose',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
  'Expand',
  'Cast',
  'Flatten',
  'Slice',
  'Split',
  'Concat',
])

const learnedBy = (nodes: readonly Node[], held: (name: string) => boolean): Set<string> => {
  const found = new Set<string>()
  /** The weights that a tensor is made of, where it is made of nothing else. */
  const sources = new Map<string, readonly string[]>()
  const from = (name: string): readonly string[] => sources.get(name) ?? (held(name) ? [name] : [])
  for (const { op, inputs, outputs } of nodes) {
    const moved = op === 'Concat' ? inputs : inputs.slice(0, 1)
    if (PASSING.has(op) && moved.every((name) => from(name).length > 0)) {
      for (const output of outputs) sources.set(output, moved.flatMap(from)) // prettier-ignore
      continue
    }
    const places = op === 'Concat' ? inputs.keys() : (LEARNED[op] ?? [])
    for (const place of places) for (const name of from(inputs[place] ?? '')) found.add(name)
  }
  return found
}

const patternOf = (glob: string): RegExp => new RegExp(`^${glob.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*')}$`)

/** Whether a name is one of those that patterns, with `*` for any text, name. */
export const named = (patterns: readonly string[]): ((name: string) => boolean) => {
  const all = patterns.map(patternOf)
  return (name) => all.some((pattern) => pattern.test(name))
}

/**
 * The initializers that are trained: those that patterns name, or all float32 ones of a dimension or more that layers
 * learn (weights, biases, scales, embeddings), in the order of the file. Constants of one element stay.
 * @throws ActiveStorageError `invalid-argument` for a pattern that names none, or nothing to train
 */
export const trainableOf = ({ initializers, nodes }: Graph, patterns?: readonly string[]): readonly string[] => {
  const float = (name: string): boolean => initializers.get(name)?.dtype === 'float32'
  if (patterns === undefined) {
    const learned = learnedBy(
      nodes,
      (name) => float(name) && (initializers.get(name)?.shape.length ?? 0) > 0 && (initializers.get(name)?.size ?? 0) > 1,
    )
    const names = [...initializers.keys()].filter((name) => learned.has(name))
    if (names.length > 0) return names
    throw failure('invalid-argument', 'the model has no float32 weights to train: export it with its weights, or name them in `trainable`')
  }
  for (const pattern of patterns) {
    const matches = [...initializers.keys()].filter(named([pattern]))
    const [other] = matches.filter((name) => !float(name))
    if (matches.length === 0) throw failure('invalid-argument', `trainable: no weight is named "${pattern}"; there are ${[...initializers.keys()].filter(float).slice(0, 20).join(', ')}`) // prettier-ignore
    if (other !== undefined)
      throw failure('invalid-argument', `trainable: "${other}" is ${initializers.get(other)?.dtype ?? ''}; only float32 is trained`)
  }
  if (patterns.length === 0) throw failure('invalid-argument', 'trainable is empty: name what is to be trained')
  return [...initializers.keys()].filter(named(patterns))
}
