import { words } from '../bodies.ts'
import type { Dice } from '../dice.ts'
import { extremes, protobufLengths, withLength } from '../lengths.ts'
import type { Mutation } from './bytes.ts'
import {
  bytesField,
  intField,
  type Kind,
  listsOf,
  messageField,
  type OnnxField,
  parsed,
  textField,
  varintBytes,
  written,
} from './onnx-fields.ts'

const onTree = (name: string, change: (model: OnnxField[], dice: Dice) => void): Mutation => [
  name,
  (bytes, dice) => {
    // A file whose lengths were changed before has no tree any more.
    try {
      const model = parsed(bytes)
      change(model, dice)
      return written(model)
    } catch {
      return bytes
    }
  },
]
/** Changes the fields of one message of a kind. */
const inOne = (name: string, kind: Kind, change: (fields: OnnxField[], dice: Dice, model: OnnxField[]) => void): Mutation =>
  onTree(name, (model, dice) => {
    const all = listsOf(model, kind)
    if (all.length > 0) change(dice.pick(all), dice, model)
  })

const wholes: readonly bigint[] = [...extremes, -1n, -2n, -(2n ** 31n), -(2n ** 63n), 3n, 5n, 7n, 16n, 33n, 100n, 2n ** 62n]
const put = (fields: OnnxField[], field: OnnxField) => {
  const at = fields.findIndex(({ id }) => id === field.id)
  if (at < 0) fields.push(field)
  else fields[at] = field
}
const packed = (values: readonly bigint[]) => Buffer.concat(values.map(varintBytes))
const drawn = (dice: Dice, most = 6): bigint[] =>
  Array.from({ length: dice.below(most) }, () => (dice.oneIn(2) ? BigInt(dice.below(5)) : dice.pick(wholes)))

const operators = [
  'Add', 'Sub', 'Mul', 'Div', 'Mod', 'Pow', 'MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'Reshape', 'Transpose',
  'Slice', 'Gather', 'GatherND', 'GatherElements', 'Scatter', 'ScatterND', 'ScatterElements', 'Concat', 'Split', 'Squeeze', 'Unsqueeze', 'Expand', 'Tile', 'Pad',
  'Resize', 'Upsample', 'Softmax', 'LogSoftmax', 'ReduceSum', 'ReduceMean', 'ReduceMax', 'ArgMax', 'TopK', 'OneHot', 'Range', 'NonZero', 'Where', 'Cast',
  'ConstantOfShape', 'Constant', 'Shape', 'Size', 'Identity', 'Flatten', 'LSTM', 'GRU', 'RNN', 'BatchNormalization', 'LayerNormalization',
  'InstanceNormalization', 'GroupNormalization', 'Dropout', 'DepthToSpace', 'SpaceToDepth', 'Einsum', 'CumSum', 'Trilu', 'EyeLike', 'If', 'Loop', 'Scan',
  'Clip', 'Erf', 'Gelu', 'BitShift', 'IsInf', 'NonMaxSuppression', 'RoiAlign', 'GridSample', 'Col2Im', 'DFT', 'STFT', 'MelWeightMatrix', 'ReverseSequence',
  'Compress', 'Unique', 'StringNormalizer', 'SequenceConstruct', 'Optional', 'RandomNormal', 'Multinomial', 'QuantizeLinear', 'ConvInteger', 'Softmaxx', '',
] as const // prettier-ignore

const attributeNames = ['axis', 'axes', 'perm', 'to', 'kernel_shape', 'strides', 'pads', 'dilations', 'group', 'auto_pad', 'keepdims', 'value', 'epsilon', 'alpha', 'transB', 'hidden_size', 'direction', 'equation', 'mode', 'blocksize', 'split', 'num_outputs', 'ceil_mode', 'output_padding', 'body', 'then_branch', 'constructor'] as const // prettier-ignore

const textsOf = (model: OnnxField[], id: number): readonly Buffer[] =>
  listsOf(model, 'node').flatMap((node) => node.filter((field) => field.id === id).map(({ bytes }) => bytes))

const sideField = (value: bigint | string) =>
  messageField(1, 'side', [typeof value === 'bigint' ? intField(1, value) : textField(2, value)])

/** Changes that keep lengths right, of fields by what they mean. */
export const onnxChanges: readonly Mutation[] = [
  inOne('attribute: other whole numbers', 'attribute', (fields, dice) => {
    if (dice.oneIn(3)) put(fields, intField(3, dice.pick(wholes)))
    else {
      const rest = fields.filter(({ id }) => id !== 8)
      fields.splice(0, fields.length, ...rest, ...(dice.oneIn(2) ? [bytesField(8, packed(drawn(dice)))] : drawn(dice).map((value) => intField(8, value))))
    }
  }),
  inOne('attribute: one number', 'attribute', (fields, dice) => { const ints = fields.filter(({ id, type }) => (id === 3 || id === 8) && type === 0); if (ints.length > 0) dice.pick(ints).int = dice.pick(wholes) }),
  inOne('attribute: another float', 'attribute', (fields, dice) => { const bytes = Buffer.alloc(4); bytes.writeFloatLE(dice.pick([0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 1e38, 1e-45])); put(fields, { ...bytesField(2, bytes), type: 5 }) }),
  inOne('attribute: another type', 'attribute', (fields, dice) => put(fields, intField(20, BigInt(dice.below(16))))),
  inOne('attribute: another name', 'attribute', (fields, dice) => put(fields, textField(1, dice.pick([...attributeNames, ...words.slice(0, 12)])))),
  inOne('attribute: another text', 'attribute', (fields, dice) => put(fields, textField(4, dice.pick(['SAME_UPPER', 'VALID', 'ij,jk->ik', '...->...', 'ii->', 'bidirectional', 'constant', 'é', '', 'x'.repeat(3000)])))),
  inOne('node: an attribute added', 'node', (fields, dice) => void fields.push(messageField(5, 'attribute', [textField(1, dice.pick(attributeNames)), intField(20, 7n), bytesField(8, packed(drawn(dice)))]))),
  inOne('node: another operator', 'node', (fields, dice) => put(fields, textField(4, dice.pick(operators)))),
  inOne('node: another domain', 'node', (fields, dice) => put(fields, textField(7, dice.pick(['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft', 'x'])))),
  inOne('node: another input', 'node', (fields, dice, model) => { const inputs = fields.filter(({ id }) => id === 1); const name = dice.pick([...textsOf(model, 1), ...textsOf(model, 2), Buffer.from(dice.pick(words))]); if (inputs.length > 0 && !dice.oneIn(3)) dice.pick(inputs).bytes = name; else fields.push(bytesField(1, name)) }),
  inOne('node: another output', 'node', (fields, dice, model) => { const outputs = fields.filter(({ id }) => id === 2); const name = dice.pick([...textsOf(model, 1), ...textsOf(model, 2), Buffer.from(dice.pick(words))]); if (outputs.length > 0 && !dice.oneIn(3)) dice.pick(outputs).bytes = name; else fields.push(bytesField(2, name)) }),
  inOne('node: another name', 'node', (fields, dice) => put(fields, textField(3, dice.pick(words)))),
  inOne('node: a graph within', 'node', (fields, dice, model) => { const [graph] = listsOf(model, 'graph'); let inner = messageField(6, 'graph', graph === undefined ? [] : parsed(written(graph), 'graph')); for (let left = dice.pick([0, 1, 5, 40, 200]); left > 0; left--) inner = messageField(6, 'graph', [messageField(1, 'node', [textField(4, 'If'), messageField(5, 'attribute', [textField(1, 'then_branch'), intField(20, 5n), inner])])]); fields.push(messageField(5, 'attribute', [textField(1, dice.pick(['then_branch', 'else_branch', 'body'])), intField(20, 5n), inner])) }),
  inOne('tensor: other dimensions', 'tensor', (fields, dice) => { const rest = fields.filter(({ id }) => id !== 1); fields.splice(0, fields.length, ...rest, ...(dice.oneIn(2) ? [bytesField(1, packed(drawn(dice, 5)))] : drawn(dice, dice.pick([3, 5, 40])).map((value) => intField(1, value)))) }),
  inOne('tensor: another element type', 'tensor', (fields, dice) => put(fields, intField(2, BigInt(dice.below(30))))),
  inOne('tensor: other bytes', 'tensor', (fields, dice) => { const raw = fields.find(({ id }) => id === 9); if (raw === undefined) return; raw.bytes = dice.pick([raw.bytes.subarray(0, dice.below(raw.bytes.length + 1)), Buffer.concat([raw.bytes, dice.bytes(1 + dice.below(9))]), Buffer.alloc(raw.bytes.length, dice.pick([0, 127, 128, 255])), Buffer.alloc(0)]) }),
  inOne('tensor: whole numbers as its bytes', 'tensor', (fields, dice) => { const raw = fields.find(({ id }) => id === 9); if (raw === undefined) return; const out = Buffer.from(raw.bytes); for (let at = 0; at + 8 <= out.length; at += 8) if (dice.oneIn(2)) out.writeBigInt64LE(BigInt.asIntN(64, dice.pick(wholes)), at); raw.bytes = out }),
  inOne('tensor: typed data', 'tensor', (fields, dice) => void fields.push(dice.pick([bytesField(7, packed(drawn(dice))), bytesField(4, dice.bytes(dice.below(20))), bytesField(5, packed(drawn(dice))), textField(6, 'x'), intField(7, 3n), bytesField(10, dice.bytes(8))]))),
  inOne('tensor: external data', 'tensor', (fields, dice) => { put(fields, intField(14, 1n)); fields.push(messageField(13, 'entry', [textField(1, 'location'), textField(2, dice.pick(['w.bin', '../w.bin', '/etc/passwd', '', 'a\0b', 'C:\\w', 'w'.repeat(5000)]))])); if (dice.oneIn(2)) fields.push(messageField(13, 'entry', [textField(1, dice.pick(['offset', 'length'])), textField(2, dice.pick(['0', '-1', '1e9', '99999999999999999999', 'x']))])) }),
  inOne('tensor: another name', 'tensor', (fields, dice, model) => put(fields, bytesField(8, dice.pick([...textsOf(model, 1), Buffer.from(dice.pick(words))])))),
  inOne('value: other sides', 'shape', (fields, dice) => { fields.splice(0, fields.length, ...Array.from({ length: dice.pick([0, 1, 2, 3, 4, 33, 100]) }, () => sideField(dice.oneIn(3) ? dice.pick(['N', '', 'batch', 'constructor', 'N_side0']) : dice.pick(wholes)))) }),
  inOne('value: one side', 'shape', (fields, dice) => { if (fields.length > 0) fields[dice.below(fields.length)] = sideField(dice.oneIn(3) ? dice.pick(['N', '', 'M']) : dice.pick(wholes)) }),
  inOne('value: another element type', 'tensorType', (fields, dice) => put(fields, intField(1, BigInt(dice.below(30))))),
  inOne('value: another kind', 'type', (fields, dice) => { const at = dice.below(Math.max(1, fields.length)); if (fields[at] !== undefined) fields[at].id = dice.pick([4, 5, 8, 9, 1]) }),
  inOne('value: no shape', 'tensorType', (fields) => { const at = fields.findIndex(({ id }) => id === 2); if (at >= 0) fields.splice(at, 1) }),
  inOne('value: another name', 'value', (fields, dice, model) => put(fields, bytesField(1, dice.pick([...textsOf(model, 1), ...textsOf(model, 2), Buffer.from(dice.pick(words))])))),
  onTree('model: another opset', (model, dice) => { const opset = model.find(({ id }) => id === 8); if (opset?.inner !== undefined) put(opset.inner, intField(2, dice.oneIn(2) ? BigInt(5 + dice.below(20)) : dice.pick(wholes))) }),
  onTree('model: a domain more', (model, dice) => void model.push(messageField(8, 'entry', [textField(1, dice.pick(['', 'ai.onnx', 'ai.onnx.ml', 'x'])), intField(2, dice.pick([1n, 13n, 99n, -1n]))]))),
  onTree('a field removed', (model, dice) => { const list = dice.pick(everyList(model)); list.splice(dice.below(list.length), 1) }),
  onTree('a field doubled', (model, dice) => { const list = dice.pick(everyList(model)); const field = list[dice.below(list.length)]; if (field !== undefined) list.push(field) }),
  onTree('fields in another order', (model, dice) => { const list = dice.pick(everyList(model)); const [field] = list.splice(dice.below(list.length), 1); if (field !== undefined) list.splice(dice.below(list.length + 1), 0, field) }),
  onTree('another number of a field', (model, dice) => { const list = dice.pick(everyList(model)); const field = list[dice.below(list.length)]; if (field !== undefined) field.id = 1 + dice.below(30) }),
  onTree('another kind of a field', (model, dice) => { const list = dice.pick(everyList(model)); const field = list[dice.below(list.length)]; if (field !== undefined) list.splice(list.indexOf(field), 1, field.type === 0 ? bytesField(field.id, dice.bytes(dice.below(9))) : intField(field.id, dice.pick(wholes))) }),
  inOne('many nodes', 'graph', (fields, dice) => { const node = fields.find(({ id }) => id === 1) ?? messageField(1, 'node', []); const count = dice.pick([50, 3000]); const bare = dice.oneIn(2); for (let left = count; left > 0; left--) fields.push(bare ? messageField(1, 'node', []) : messageField(1, 'node', [...(node.inner ?? []).filter(({ id }) => id !== 2), textField(2, `more${left}`)])) }),
  inOne('a chain of nodes', 'graph', (fields, dice, model) => { const [first = Buffer.from('x')] = textsOf(model, 2); let from = first; const op = dice.pick(['Relu', 'Concat', 'Add', 'Mul', 'Tile', 'Expand', 'Identity', 'Shape']); for (let left = dice.pick([5, 40, 400]); left > 0; left--) { const to = Buffer.from(`chain${left}`); fields.push(messageField(1, 'node', [bytesField(1, from), bytesField(1, from), bytesField(2, to), textField(4, op), ...(op === 'Concat' ? [messageField(5, 'attribute', [textField(1, 'axis'), intField(3, 0n), intField(20, 2n)])] : [])])); from = to } }),
  ['a length', (bytes, dice) => { const lengths = protobufLengths(bytes); return lengths.length === 0 ? bytes : withLength(bytes, dice.pick(lengths), dice.pick(extremes)) }],
] // prettier-ignore

const everyList = (fields: OnnxField[]): OnnxField[][] => [
  ...(fields.length === 0 ? [] : [fields]),
  ...fields.flatMap(({ inner }) => (inner === undefined ? [] : everyList(inner))),
]
