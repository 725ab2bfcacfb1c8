import { elementwise } from '../infer/elementwise.ts'
import { reductions } from '../infer/reduce.ts'
import { attribute, broadcast, type Flow, type FlowNode, type FlowRule, fromStart, int, mixed, onlyFirst, rankOf, unknown } from './flow.ts' // prettier-ignore

const each = (at: FlowNode, flow: Flow): readonly Flow[] => at.node.outputs.map(() => flow)

const aligned: FlowRule = (at) => each(at, broadcast(at) ?? unknown(at))

/** Along one axis: its elements depend on each other. */
const along =
  (otherwise: number): FlowRule =>
  (at) => {
    const axis = onlyFirst(at)
    if (axis === undefined) return each(at, unknown(at))
    return each(at, fromStart(int(at, 'axis', otherwise), rankOf(at, 0)) === axis ? mixed(at) : axis)
  }
/** From one axis on. */
const from =
  (otherwise: number): FlowRule =>
  (at) => {
    const axis = onlyFirst(at)
    if (axis === undefined) return each(at, unknown(at))
    return each(at, axis >= fromStart(int(at, 'axis', otherwise), rankOf(at, 0)) ? mixed(at) : axis)
  }

const cumulated: FlowRule = (at) => {
  const [axis, [along] = []] = [onlyFirst(at), at.numbers(1)]
  if (axis === undefined || along === undefined) return each(at, unknown(at))
  return each(at, fromStart(along, rankOf(at, 0)) === axis ? mixed(at) : axis)
}

const reduced: FlowRule = (at) => {
  const axis = onlyFirst(at)
  const rank = rankOf(at, 0)
  const given = attribute(at, 'axes', 'ints') ?? (at.inputs[1] === undefined ? undefined : at.numbers(1))
  if (axis === undefined || (given === undefined && at.inputs[1] !== undefined)) return each(at, unknown(at))
  if ((given === undefined || given.length === 0) && int(at, 'noop_with_empty_axes', 0) !== 0) return each(at, axis)
  const axes =
    given === undefined || given.length === 0 ? Array.from({ length: rank }, (_, i) => i) : given.map((one) => fromStart(one, rank))
  if (axes.includes(axis)) return each(at, mixed(at))
  return each(at, int(at, 'keepdims', 1) !== 0 ? axis : axis - axes.filter((one) => one < axis).length)
}
const arg: FlowRule = (at) => {
  const axis = onlyFirst(at)
  const gone = fromStart(int(at, 'axis', 0), rankOf(at, 0))
  if (axis === undefined || gone === axis) return each(at, axis === undefined ? unknown(at) : mixed(at))
  return each(at, int(at, 'keepdims', 1) === 0 && gone < axis ? axis - 1 : axis)
}

const transposed: FlowRule = (at) => {
  const axis = onlyFirst(at)
  const rank = rankOf(at, 0)
  const order = attribute(at, 'perm', 'ints') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  return each(at, axis === undefined ? unknown(at) : order.indexOf(axis))
}

/** The axis stays, where its side does: a part of the others is taken, or they are repeated or padded. */
const sameSide: FlowRule = (at) => {
  const axis = onlyFirst(at)
  if (axis === undefined) return each(at, unknown(at))
  const side = at.inputs[0]?.[axis]
  return at.outputs.map((shape) => (shape?.length === rankOf(at, 0) && shape[axis] === side ? axis : unknown(at)))
}
const joined: FlowRule = (at) => {
  const axes = new Set(at.flows.filter((flow) => typeof flow === 'number'))
  const [axis] = axes
  const rank = rankOf(at, 0)
  return each(at, axis === undefined || axes.size > 1 || fromStart(int(at, 'axis', 0), rank) === axis ? unknown(at) : axis)
}

/** Layers over images and sequences [N, C, ...]: what is on the first axis is apart. */
const layer: FlowRule = (at) => {
  const axis = onlyFirst(at)
  return each(at, axis === undefined ? unknown(at) : axis === 0 ? 0 : mixed(at))
}
const batchNormalization: FlowRule = (at) => (int(at, 'training_mode', 0) === 0 ? layer(at) : each(at, mixed(at)))

const product: FlowRule = (at) => {
  const [a, b] = at.flows
  const [rankA, rankB] = [rankOf(at, 0), rankOf(at, 1)]
  const rank = at.outputs[0]?.length ?? 0
  if (typeof a === 'number' && a === rankA - 1) return each(at, mixed(at))
  if (typeof b === 'number' && b === Math.max(0, rankB - 2)) return each(at, mixed(at))
  if (typeof a === 'number' && typeof b === 'number')
    return each(at, a < rankA - 2 && b < rankB - 2 ? (broadcast(at) ?? unknown(at)) : unknown(at))
  // Of a vector one axis is missing in the product: rows of `a` are then its last.
  if (typeof a === 'number') return each(at, rankB === 1 ? a : rank - rankA + a)
  return each(at, typeof b !== 'number' || rankA === 1 ? unknown(at) : rank - rankB + b)
}
const gemm: FlowRule = (at) => {
  const [a, b, c] = at.flows
  if (typeof b === 'number' || typeof a !== 'number') return each(at, unknown(at))
  if (a !== (int(at, 'transA', 0) === 0 ? 0 : 1)) return each(at, mixed(at))
  return each(at, typeof c !== 'number' || 2 - rankOf(at, 2) + c === 0 ? 0 : unknown(at))
}
const einsum: FlowRule = (at) => {
  const [left = '', right] = (attribute(at, 'equation', 'string') ?? '').replaceAll(' ', '').split('->')
  if (right === undefined || left.includes('.')) return each(at, unknown(at))
  const terms = left.split(',')
  const letters = new Set(at.flows.flatMap((flow, i) => (typeof flow === 'number' ? [terms[i]?.[flow] ?? ''] : [])))
  const [letter = ''] = letters
  if (letters.size !== 1 || letter === '') return each(at, unknown(at))
  return each(at, right.includes(letter) ? right.indexOf(letter) : mixed(at))
}

const gathered: FlowRule = (at) => {
  const [data, indices] = at.flows
  const axis = fromStart(int(at, 'axis', 0), rankOf(at, 0))
  const width = rankOf(at, 1)
  if (typeof data === 'number' && typeof indices === 'number') return each(at, unknown(at))
  if (typeof indices === 'number') return each(at, axis + indices)
  if (typeof data !== 'number') return each(at, unknown(at))
  return each(at, data === axis ? unknown(at) : data < axis ? data : data + width - 1)
}
const gatheredElements: FlowRule = (at) => {
  const [data, indices] = at.flows
  const axis = fromStart(int(at, 'axis', 0), rankOf(at, 0))
  return each(at, typeof data === 'number' && data === indices && data !== axis ? data : unknown(at))
}

/** x [T, N, C] to Y [T, directions, N, H], Y_h and Y_c [directions, N, H]; states [directions, N, H], lengths [N]. */
const recurrent: FlowRule = (at) => {
  if (int(at, 'layout', 0) !== 0) return each(at, unknown(at))
  const [x, w, r, b, lengths, ...states] = at.flows
  if ([w, r, b].some((flow) => typeof flow === 'number')) return each(at, unknown(at))
  if (x === 0) return each(at, mixed(at))
  const [h, c] = states
  const fits = x === 1 && (typeof lengths !== 'number' || lengths === 0) && [h, c].every((flow) => typeof flow !== 'number' || flow === 1)
  return fits ? at.node.outputs.map((_, i) => (i === 0 ? 2 : 1)) : each(at, unknown(at))
}

/** Sizes, and what is made of them, are the same whatever the samples hold. */
const sizes: FlowRule = (at) => each(at, 'none')

const of = (rule: FlowRule, ...ops: readonly string[]): Readonly<Record<string, FlowRule>> =>
  Object.fromEntries(ops.map((op) => [op, rule]))

/** Operators that give the same elements another shape. */
export const reshapes: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/** Rules by operator; what has none is unknown. */
export const flowRules: Readonly<Record<string, FlowRule>> = {
  ...of(aligned, ...Object.keys(elementwise)),
  ...of(along(-1), 'Softmax', 'LogSoftmax', 'Hardmax', 'LpNormalization', 'TopK'),
  ...of(from(-1), 'LayerNormalization', 'RMSNormalization'),
  ...of(cumulated, 'CumSum'),
  ...of(reduced, ...Object.keys(reductions).filter((op) => op.startsWith('Reduce'))),
  ...of(arg, 'ArgMax', 'ArgMin'),
  ...of(transposed, 'Transpose'),
  ...of(aligned, 'Expand'),
  ...of(sameSide, 'Slice', 'Split', 'Tile', 'Pad', 'Resize', 'Trilu'),
  ...of(joined, 'Concat'),
  ...of(layer, 'Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'LpPool', 'GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'),
  ...of(layer, 'InstanceNormalization', 'GroupNormalization', 'LRN', 'DepthToSpace', 'SpaceToDepth'),
  ...of(batchNormalization, 'BatchNormalization'),
  ...of(product, 'MatMul'),
  ...of(gemm, 'Gemm'),
  ...of(einsum, 'Einsum'),
  ...of(gathered, 'Gather'),
  ...of(gatheredElements, 'GatherElements'),
  ...of(recurrent, 'LSTM', 'GRU', 'RNN'),
  ...of(sizes, 'Shape', 'Size'),
}
