import type { Tensor } from '../../core/tensor.ts'
import type { Verdict } from './kinds.ts'
import { isGenerated, lastPart, signOf } from './names.ts'
import type { Use } from './uses.ts'
import { hasFewNumbers, isUniform, valueSignOf, type ValueSign } from './values.ts'

/** What is known of an initializer of a file that does not say what it is. */
export interface Clues {
  readonly name: string
  readonly tensor: Tensor
  readonly uses: readonly Use[]
  /** Whether names are those of a state_dict, so that constants have other ones. */
  readonly named: boolean
  /** Names of all initializers. */
  readonly others: { has(name: string): boolean }
}

const remedy = (name: string, kind: 'trained' | 'kept'): string =>
  `${kind === 'trained' ? `keep it with \`trainable: ['!${name}']\`` : `train it with \`trainable: ['+${name}']\``}, or export with active_storage_export.py, which writes down what is a parameter` // prettier-ignore

const FORMULAS: Readonly<Record<Exclude<ValueSign, undefined>, string>> = {
  'not finite': 'holds elements that are no numbers',
  mask: 'holds a mask: zeros and numbers that stand for minus infinity',
  flags: 'holds a mask of 0 and 1',
  waves: 'holds sines and cosines',
  ramp: 'holds evenly spaced numbers',
  diagonals: 'holds one number along each diagonal, as distances of positions do',
  ratios: 'holds a geometric sequence',
}
const buffer = (why: string, doubt?: string): Verdict => ({ kind: 'buffer', why, ...(doubt !== undefined && { doubt }) })
const parameter = (why: string, doubt?: string): Verdict => ({ kind: 'parameter', why, ...(doubt !== undefined && { doubt }) })
const constant = (why: string, doubt?: string): Verdict => ({ kind: 'constant', why, ...(doubt !== undefined && { doubt }) })

/** In the places where layers take what they learn. */
const inLayer = ({ name, tensor, uses, named, others }: Clues, places: ReadonlySet<string>): Verdict => {
  const sign = signOf(name, others)
  const generated = isGenerated(name)
  const filter = uses.some(({ node, input }) => node.op === 'Conv' && input === 1)
  if (sign === 'buffer' || sign === 'statistic') return buffer(`named like a buffer (${lastPart(name)})`)
  if (places.has('table')) {
    const formula = valueSignOf(tensor)
    if (formula === 'waves') return buffer(`a table that ${FORMULAS.waves}`, `"${name}" is a table that ${FORMULAS.waves}, so it is not trained: ${remedy(name, 'kept')}`) // prettier-ignore
  }
  if (/^constant(_\d+)?$/i.test(name)) return constant('a constant by name')
  const few = filter && hasFewNumbers(tensor)
  if (few && lastPart(name) === 'weight' && !isUniform(tensor))
    return parameter('a weight by name and place', `"${name}" is a filter that looks written by hand, and is trained: where it is fixed (requires_grad=False), which a file does not say, ${remedy(name, 'trained')}`) // prettier-ignore
  const letter = named && places.has('layer') && /^[a-z]\d*$/i.test(lastPart(name))
  if (sign === 'parameter' && !generated && !letter && !(few && lastPart(name) === 'kernel')) return parameter('a weight by name and place')
  if (few) return constant('a filter of few different numbers', `"${name}" is a filter that looks written by hand, so it is not trained: ${remedy(name, 'kept')}`) // prettier-ignore
  if (generated && named && places.has('norm') && isUniform(tensor) && uses.every(({ node }) => node.op === 'InstanceNormalization'))
    return constant('ones and zeros of a norm without affine parameters')
  // Nothing but a parameter is multiplied with or added to what a norm gives: an exporter leaves out ones and zeros.
  const direct = uses.some(({ node, place }) => place === 'norm' && node.op.endsWith('Normalization'))
  if (generated && direct && isUniform(tensor))
    return parameter('scale or bias of a norm', `"${name}" is the scale or bias of a norm and holds one number only: it is trained; where the norm has no affine parameters, ${remedy(name, 'trained')}`) // prettier-ignore
  if (named && !generated && (sign === undefined || letter) && !places.has('norm'))
    return parameter('a weight by its place in the graph', `"${name}" is used as a layer uses its weights, and is trained: where it is a buffer, ${remedy(name, 'trained')}`) // prettier-ignore
  return parameter(places.has('table') ? 'a table of rows that are looked up' : places.has('norm') ? 'scale or bias of a norm' : 'a weight by its place in the graph') // prettier-ignore
}

/** What is computed with the model's input itself, before any layer. */
const atInput = ({ name, tensor, uses, others }: Clues): Verdict => {
  const sign = signOf(name, others)
  const [first] = uses
  if (sign === 'buffer' || sign === 'statistic') return buffer(`named like a buffer (${lastPart(name)})`)
  if (valueSignOf(tensor) === 'waves') return buffer(FORMULAS.waves)
  const normalizes = uses.some(({ node, input }) => (node.op === 'Sub' || node.op === 'Div') && input === 1)
  const elements = tensor.data instanceof Float32Array ? tensor.data : []
  const pixels = tensor.size > 0 && elements.every((element) => element > 0 && element <= 1 / 127)
  if (isGenerated(name) || (pixels && first?.node.op === 'Mul')) return constant('normalization of the input')
  // Names of a learned scale as well as of a normalization: what is kept by mistake does less harm.
  if (/^(scales?|offset|shift)$/i.test(lastPart(name))) return buffer('normalization of the input', `"${name}" scales or shifts the model's input, so it is taken for a buffer: ${remedy(name, 'kept')}`) // prettier-ignore
  if (sign === 'parameter') return parameter(`named like a parameter (${lastPart(name)})`)
  return normalizes
    ? buffer('normalization of the input', `"${name}" is subtracted from the model's input or divides it, so it is taken for a buffer: ${remedy(name, 'kept')}`) // prettier-ignore
    : parameter('arithmetic with the input', `"${name}" is computed with the model's input itself and is trained: where it is a buffer, ${remedy(name, 'trained')}`) // prettier-ignore
}

/** What is used in arithmetic alone. */
const inArithmetic = ({ name, tensor, named, others }: Clues): Verdict => {
  const sign = signOf(name, others)
  const formula = valueSignOf(tensor)
  if (sign === 'buffer' || sign === 'statistic') return buffer(`named like a buffer (${lastPart(name)})`)
  if (formula === 'waves')
    return buffer(FORMULAS.waves, sign === 'parameter' ? `"${name}" ${FORMULAS.waves}, so it is not trained: ${remedy(name, 'kept')}` : undefined) // prettier-ignore
  if (isGenerated(name))
    return constant('a number or tensor that the exporter made', tensor.size > 1 ? `"${name}" is used in arithmetic and has a name that the exporter made up, so it is not trained: ${remedy(name, 'kept')}` : undefined) // prettier-ignore
  if (sign === 'parameter' && (formula === 'flags' || formula === 'diagonals'))
    return buffer(FORMULAS[formula], `"${name}" ${FORMULAS[formula]}, so it is not trained: ${remedy(name, 'kept')}`)
  if (sign === 'parameter' && formula !== undefined)
    return parameter(`named like a parameter (${lastPart(name)})`, `"${name}" ${FORMULAS[formula]}, and is trained, as its name says: where it is a buffer, ${remedy(name, 'trained')}`) // prettier-ignore
  if (sign === 'parameter') return parameter(`named like a parameter (${lastPart(name)})`)
  if (formula !== undefined) return buffer(FORMULAS[formula])
  if (!named && tensor.size === 1) return constant('a single number')
  return parameter('used in arithmetic', `"${name}" could be a parameter or a buffer; it is trained: where it is a buffer, ${remedy(name, 'trained')}`) // prettier-ignore
}

/** What an initializer is, by its name, its place in the graph and its elements. */
export const guess = (clues: Clues): Verdict => {
  const { tensor, uses } = clues
  const places = new Set(uses.map(({ place }) => place))
  const formula = valueSignOf(tensor)
  if (formula === 'not finite' || formula === 'mask') return buffer(FORMULAS[formula])
  if (places.has('layer') || places.has('norm') || places.has('table')) return inLayer(clues, places)
  if (places.has('input')) return atInput(clues)
  return places.has('other') ? inArithmetic(clues) : constant('a bound, a size or a first state')
}
