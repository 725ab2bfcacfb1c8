import { failure } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'
import type { Graph } from '../../graph/graph.ts'
import { notesOf } from '../../graph/notes.ts'
import { type Declared, declaredOf } from './declared.ts'
import { doubtsOf } from './doubts.ts'
import { guess } from './guess.ts'
import type { Role, Source, Verdict } from './kinds.ts'
import { modesOf } from './modes.ts'
import { signOf } from './names.ts'
import { paddingOf } from './padding.ts'
import { type Choosable, choiceOf, chosen, leftOut } from './patterns.ts'
import { programOf, verdictOf } from './program.ts'
import type { Decision, Signs } from './signs.ts'
import { AGAIN, some } from './text.ts'
import { type Uses, usesOf } from './uses.ts'
import { valueSignOf } from './values.ts'

export interface DecideOptions {
  /** Names of what is trained, with `*` for any text; `+NAME` and `!NAME` change what is trained by itself. */
  readonly trainable?: readonly string[] | undefined
  /** Rows of embedding tables that get no gradient, by name of the table. */
  readonly paddingRows?: Readonly<Record<string, number>> | undefined
  /** Outputs that losses are of. Default all. */
  readonly outputs?: readonly string[]
}

const constantsIn = ({ nodes, initializers }: Graph): ReadonlyMap<string, Tensor> => {
  const found = new Map<string, Tensor>()
  for (const { op, attributes, outputs } of nodes) {
    const { value } = attributes
    const [name = ''] = outputs
    // Only these can be written back into the file.
    if (op === 'Constant' && value?.type === 'tensor' && !initializers.has(name)) found.set(name, value.value)
  }
  return found
}

const usersOf = ({ nodes }: Graph): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>()
  for (const { name, inputs } of nodes)
    for (const input of inputs) {
      const users = found.get(input)
      if (users === undefined) found.set(input, [name])
      else users.push(name)
    }
  return found
}

/** What each float32 initializer is that a gradient reaches. */
const verdictsOf = (signs: Signs): ((name: string, tensor: Tensor) => Verdict) => {
  const { source, uses, declared, program, named } = signs
  const others = source.graph.initializers
  const users = usersOf(source.graph)
  return (name, tensor) => {
    const own = uses.of.get(name) ?? []
    if (own.length > 0 && own.every(({ place }) => place === 'statistic')) return { kind: 'buffer', why: 'running statistics of a norm' }
    if (declared !== undefined) return declaredVerdict(declared, name)
    if (program !== undefined) {
      const calls = (users.get(name) ?? []).map((user) => program.calls.get(user) ?? '')
      return verdictOf(program, name, calls)
    }
    return guess({ name, tensor, uses: own, named, others })
  }
}
const declaredVerdict = ({ tensors }: Declared, name: string): Verdict => {
  const found = tensors.get(name)
  if (found === undefined) return { kind: 'constant', why: 'not in the list of active_storage_export.py' }
  if (found.kind !== 'parameter') return { kind: found.kind, why: `a ${found.kind} by active_storage_export.py` }
  return found.trained
    ? { kind: 'parameter', why: 'a parameter by active_storage_export.py' }
    : { kind: 'frozen', why: 'requires_grad is False' }
}

const unfitOf = (name: string, tensor: Tensor, uses: Uses): string | undefined => {
  const own = uses.of.get(name) ?? []
  if (own.length > 0 && own.every(({ place }) => place === 'statistic')) return 'is a running statistic, which training moves by itself'
  const sign = tensor.dtype === 'float32' ? valueSignOf(tensor) : undefined
  return sign === 'not finite' || (sign === 'mask' && tensor.data instanceof Float32Array && tensor.data.includes(-Infinity)) ? 'holds elements that are not finite, as a mask does' : undefined // prettier-ignore
}

const DROPOUTS = (kept: number) =>
  `the file has ${kept === 0 ? 'no Dropout' : `${kept} Dropout${kept === 1 ? '' : 's'}`}: one that was exported for inference leaves no trace. Where the model has ${kept === 0 ? 'Dropout' : 'more'}, ${AGAIN}`
const UNSAID =
  'the file does not say which parameters are frozen (requires_grad=False), nor where gradients are cut off (detach, no_grad): all are trained. Leave out what stays with `trainable`, or export with active_storage_export.py'
const INFERENCE = (names: readonly string[]) =>
  `${some(names)} lie${names.length === 1 ? 's' : ''} in the frozen part of the model: a BatchNormalization there keeps its running statistics and a Dropout drops nothing, as after eval(). A framework that has the frozen part in training mode uses the batch, and drops`

/**
 * Decides what is trained, by what each tensor is: first by the caller's patterns, then by what the exporter wrote into the
 * file (active_storage_export.py, PyTorch's default exporter), then by names, places in the graph and elements.
 * @param raised the model in the training dialect
 * @throws ActiveStorageError `invalid-argument` for patterns that name nothing, or where nothing is left to train; `bad-model`
 * for a list of the exporter that is malformed
 */
export const decide = (
  source: Source,
  raised: Graph,
  { trainable, paddingRows, outputs = [...raised.outputs.keys()] }: DecideOptions = {},
): Decision => {
  const { initializers } = source.graph
  const uses = usesOf(raised, outputs, (name) => initializers.has(name))
  const notes = notesOf(source.kept)
  const dotted = [...initializers.keys()].some((name) => /\.(weight|bias)$/.test(name))
  const signs: Signs = {
    source,
    raised,
    uses,
    declared: declaredOf(source.metadata),
    program: programOf(notes),
    named: dotted || notes.producer === 'pytorch',
  }
  const constants = constantsIn(source.graph)
  const all: readonly Choosable[] = [...initializers, ...constants].map(([name, tensor]) => {
    const unfit = raised.initializers.has(name) ? unfitOf(name, tensor, uses) : 'is not used by the model'
    return { name, dtype: tensor.dtype, ...(unfit !== undefined && { unfit }), constant: constants.has(name) }
  })
  const unfit = new Map(all.map(({ name, unfit: why }) => [name, why]))
  const { only, more, less } = choiceOf(trainable)
  const [picked, added, dropped] = [only && chosen(only, all), chosen(more, all), leftOut(less, all)]
  const verdict = verdictsOf(signs)
  const warnings: string[] = []
  const roleOf = (name: string, tensor: Tensor): Role => {
    const { shape } = tensor
    if (dropped.has(name)) return { name, shape, kind: 'frozen', why: `left out by \`trainable\`` }
    if ((picked?.has(name) ?? false) || added.has(name)) return { name, shape, kind: 'trained', why: 'named in `trainable`' }
    if (constants.has(name)) return { name, shape, kind: 'constant', why: 'the result of a Constant node' }
    if (tensor.dtype !== 'float32') return { name, shape, kind: signOf(name, initializers) === 'statistic' ? 'buffer' : 'constant', why: `${tensor.dtype}: only float32 is trained` } // prettier-ignore
    const { kind, why, doubt } = verdict(name, tensor)
    if (kind !== 'parameter') {
      if (doubt !== undefined && picked === undefined) warnings.push(doubt)
      return { name, shape, kind, why }
    }
    if (!raised.initializers.has(name) || !uses.reached.has(name)) return { name, shape, kind: 'frozen', why: 'no gradient reaches it' }
    if (picked !== undefined) return { name, shape, kind: 'frozen', why: 'not named in `trainable`' }
    const no = unfit.get(name)
    if (no !== undefined) return { name, shape, kind: 'buffer', why: no }
    if (doubt !== undefined) warnings.push(doubt)
    return { name, shape, kind: 'trained', why }
  }
  const asked = new Set([...(picked ?? []), ...added])
  const roles = [...initializers, ...[...constants].filter(([name]) => asked.has(name))].map(([name, tensor]) => roleOf(name, tensor))
  const trained = roles.filter(({ kind }) => kind === 'trained').map(({ name }) => name)
  if (trained.length === 0)
    throw failure('invalid-argument', 'the model has no float32 weights to train: export it with its weights, or name them in `trainable`')
  const dropouts = source.graph.nodes.filter(({ op }) => op === 'Dropout').length
  const silent = notes.producer === 'pytorch' && signs.declared === undefined
  const padding = paddingOf(signs, paddingRows)
  const kinds = new Map(roles.map(({ name, kind }) => [name, kind]))
  const modes = modesOf(raised, (name) => kinds.get(name))
  return {
    roles,
    trainable: trained,
    modes,
    padding,
    warnings: [...doubtsOf(signs, new Set(trained), padding), ...warnings],
    notes: [...(silent ? [DROPOUTS(dropouts), UNSAID] : []), ...(modes.inference.size > 0 ? [INFERENCE([...modes.inference])] : [])],
  }
}
