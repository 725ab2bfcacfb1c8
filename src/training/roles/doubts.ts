import type { Tensor } from '../../core/tensor.ts'
import { layerDoubts } from './layer-doubts.ts'
import { isPowerIteration } from './names.ts'
import { programDoubts } from './program-doubts.ts'
import type { Decision, Signs } from './signs.ts'
import { AGAIN, some } from './text.ts'
import { emptyRows, isUniform } from './values.ts'

/** One tensor in the place of several that were equal when the model was exported. */
const merged = ({ source: { graph }, uses, named, program, declared }: Signs, trained: ReadonlySet<string>): readonly string[] => {
  const found: string[] = []
  // PyTorch's TorchScript exporter leaves an Identity under the name of each tensor that it took out.
  const taken = new Map<string, string[]>()
  for (const { op, inputs, outputs } of graph.nodes) {
    const [from = '', to = ''] = [inputs[0], outputs[0]]
    if (op === 'Identity' && trained.has(from) && named && !to.includes('/') && !to.endsWith('_output_0') && !graph.outputs.has(to)) taken.set(from, [...(taken.get(from) ?? []), to]) // prettier-ignore
  }
  if (taken.size > 0) {
    const pairs = [...taken].slice(0, 5).map(([from, others]) => `"${from}" also serves as ${some(others)}`)
    found.push(`${pairs.join('; ')}${taken.size > 5 ? `; and ${taken.size - 5} more` : ''}: weights that were equal when the model was exported were merged into one tensor, and are trained as one, which is right only where they are tied (shared) on purpose. Else ${AGAIN}`) // prettier-ignore
  }
  if (named || program !== undefined || declared !== undefined) return found
  for (const name of trained) {
    const tensor = graph.initializers.get(name)
    const layers = [...new Set((uses.of.get(name) ?? []).filter(({ place }) => place === 'norm').map(({ node }) => node.name))]
    if (tensor !== undefined && layers.length > 1 && isUniform(tensor) && tensor.size > 1)
      found.push(`"${name}" is the scale or bias of ${layers.length} norms (${some(layers)}) and holds one number only: weights that were equal may have been merged into one tensor, and are trained as one (right only where they are shared on purpose)`) // prettier-ignore
  }
  return found
}

/** Convolutions and products whose weights were computed when the model was exported. */
const folded = ({ source: { graph }, program, declared }: Signs, trained: ReadonlySet<string>): readonly string[] => {
  if (program !== undefined || declared !== undefined) return []
  const [norms, others]: [string[], string[]] = [[], []]
  for (const { op, inputs } of graph.nodes) {
    const [, weight = '', bias = ''] = inputs
    if (!trained.has(weight)) continue
    const made = /^onnx::(Conv|ConvTranspose|Gemm)_\d+$/.test(weight)
    if (/fused_bn|batch_?norm/i.test(`${weight} ${bias}`) || (made && op.startsWith('Conv') && bias.startsWith('onnx::Conv')))
      norms.push(weight)
    else if (made) others.push(weight)
  }
  for (const { op, inputs } of graph.nodes)
    if (op === 'Mul') norms.push(...inputs.filter((name) => trained.has(name) && /batch_?norm/i.test(name)))
  return [
    ...(norms.length === 0 ? [] : [`BatchNorm was folded into the weights ${some(norms)}: they are trained without a BatchNormalization, which is another training. To train the model as it is in the framework, ${AGAIN}`]), // prettier-ignore
    ...(others.length === 0 ? [] : [`the weights ${some(others)} were computed by the exporter (weight_norm, spectral_norm or another product of parameters was folded): the result is trained itself, which is another training. To train the parameters, ${AGAIN}`]), // prettier-ignore
  ]
}

/** Whether two tensors hold the same elements, as they are or with rows and columns exchanged. */
const isSame = (a: Tensor, b: Tensor): boolean => {
  if (a.size !== b.size || a.size < 2 || a.dtype !== 'float32' || b.dtype !== 'float32') return false
  const [x, y] = [a.data, b.data]
  if (x.every((element, i) => element === y[i])) return true
  const [height = 0, width = 0] = a.shape
  if (a.shape.length !== 2 || b.shape.length !== 2 || b.shape[0] !== width) return false
  return x.every((element, i) => element === y[(i % width) * height + Math.floor(i / width)])
}

/** Weights with the same elements in two tensors: an embedding and an output layer, or one that the exporter computed from another. */
const untied = ({ source: { graph }, uses, declared }: Signs, trained: ReadonlySet<string>): readonly string[] => {
  if (declared !== undefined) return []
  const used = (name: string, wanted: (op: string, place: string) => boolean) => (uses.of.get(name) ?? []).some(({ node, place }) => wanted(node.op, place)) // prettier-ignore
  const held = [...trained].flatMap((name) => {
    const tensor = graph.initializers.get(name)
    return tensor === undefined || isUniform(tensor) ? [] : [{ name, tensor }]
  })
  const tables = held.filter(({ name }) => used(name, (_, place) => place === 'table'))
  const products = held.filter(({ name }) => used(name, (op) => op === 'MatMul' || op === 'Gemm'))
  const made = held.filter(({ name }) => name.startsWith('onnx::'))
  const pairs = [...tables.flatMap((a) => products.map((b) => [a, b] as const)), ...made.flatMap((a) => held.map((b) => [b, a] as const))]
  return pairs.flatMap(
    ([a, b]) =>
    a.name === b.name || (a.name.startsWith('onnx::') && a.name > b.name) || !isSame(a.tensor, b.tensor)
      ? []
      : [`"${a.name}" and "${b.name}" hold the same values: weights that are tied (shared) in the framework are two tensors in the file, and are trained apart. To keep them tied, ${AGAIN}`], // prettier-ignore
  )
}

/** A row that may be the padding of an embedding. */
const padded = ({ source: { graph }, uses, program, declared }: Signs, trained: ReadonlySet<string>, padding: Decision['padding']) =>
  [...trained].flatMap((name) => {
    const tensor = graph.initializers.get(name)
    const looked = (uses.of.get(name) ?? []).some(({ place }) => place === 'table')
    if (tensor === undefined || !looked || padding.has(name) || program !== undefined || declared !== undefined) return []
    const [row] = emptyRows(tensor)
    return row === undefined ? [] : [`row ${row} of "${name}" is all zeros, as the padding_idx of an embedding is, and an ONNX file does not say so: the row is trained. To keep it, give \`paddingRows: { '${name}': ${row} }\`, or export with active_storage_export.py`] // prettier-ignore
  })

/** Modules that the framework's model has, and the file has not. */
const vanished = ({ source: { graph }, declared, program, named }: Signs): readonly string[] => {
  const count = (op: string) => graph.nodes.filter((node) => node.op === op).length
  if (declared !== undefined) {
    const { dropouts, batchNorms } = declared
    return [
      ...(dropouts.length > count('Dropout') ? [`Dropout vanished: the framework's model has ${dropouts.length} (${some(dropouts)}), the file ${count('Dropout')}, so that nothing is dropped in training. To keep it, ${AGAIN}`] : []), // prettier-ignore
      ...(batchNorms.length > count('BatchNormalization') ? [`BatchNorm was folded or removed: the framework's model has ${batchNorms.length} (${some(batchNorms)}), the file ${count('BatchNormalization')}. To keep it, ${AGAIN}`] : []), // prettier-ignore
    ]
  }
  if (program === undefined && !named) return []
  // Modules of an nn.Sequential are numbered: one that left no node has left a gap.
  const seen = new Map<string, Set<number>>()
  for (const { name } of graph.nodes) {
    const parts = program === undefined ? name.split('/').slice(1, -1) : (program.scopes.get(name) ?? []).slice(1, -1)
    for (const [i, part] of parts.entries()) {
      const [, path = '', number] = /^(?:(.*)\.)?(\d+)$/.exec(part) ?? []
      if (number === undefined) continue
      const key = program === undefined ? [...parts.slice(0, i), path].join('/') : path
      seen.set(key, (seen.get(key) ?? new Set()).add(Number(number)))
    }
  }
  // A module with weights is no Dropout: what became of it is told elsewhere.
  const weighted = (module: string) => [...(program?.targets.keys() ?? [])].some((target) => target.startsWith(`${module}.`))
  const gaps = [...seen].flatMap(([path, numbers]) => {
    const last = Math.max(...numbers)
    if (last > 1000) return []
    return Array.from({ length: last }, (_, i) => i).filter((i) => !numbers.has(i)).map((i) => [...new Set(path.split('/').filter((part) => part !== '')), i].join('.')) // prettier-ignore
  })
  const gone = gaps.filter((module) => !weighted(module))
  return gone.length === 0
    ? []
    : [`the modules ${some(gone)} left no node in the file: a Dropout vanishes so when a model is exported for inference, and nothing is then dropped in training (an Identity, or a folded BatchNorm, leaves a gap as well). To keep it, ${AGAIN}`] // prettier-ignore
}

const powerIteration = ({ source: { graph } }: Signs): readonly string[] => {
  const names = [...graph.initializers.keys()].filter((name) => isPowerIteration(name, graph.initializers) && graph.nodes.some(({ inputs }) => inputs.includes(name))) // prettier-ignore
  return names.length === 0
    ? []
    : [`the vectors ${some(names)} of spectral norm stay as they are, where the framework moves them in each step of training: the norm of the weights is then only near to 1`] // prettier-ignore
}

/** What may be another training than that of the user's model, in sentences that name tensors and what to do. */
export const doubtsOf = (signs: Signs, trained: ReadonlySet<string>, padding: Decision['padding']): readonly string[] => [
  ...merged(signs, trained),
  ...folded(signs, trained),
  ...untied(signs, trained),
  ...(signs.program === undefined ? [] : programDoubts(signs, signs.program, trained)),
  ...padded(signs, trained, padding),
  ...vanished(signs),
  ...powerIteration(signs),
  ...layerDoubts(signs),
]
