import { failure } from '../../core/errors.ts'
import type { ModelShape, TensorSpec } from '../../core/self.ts'
import { dtypeOfElementType } from '../../graph/element-types.ts'
import { checkBoundsOf } from '../../graph/bounds.ts'
import { type Field, fieldsOf, intAt, lastOf, textAt } from '../../graph/wire.ts'

/** An input or output as the file states it. */
export interface Stated {
  readonly name: string
  /** Undefined where the file states no shape: any rank will do. */
  readonly shape: readonly (number | string)[] | undefined
}

/** What a model file states of what it takes and gives. Weights that are listed as inputs too are not asked of callers. */
export interface StatedTypes {
  readonly inputs: readonly Stated[]
  readonly outputs: readonly Stated[]
}

// ONNX's element types that have no array in JavaScript, by number.
const OTHERS: Readonly<Record<number, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  23: 'float4e2m1',
  24: 'float8e8m0',
  25: 'uint2',
  26: 'int2',
}
// Fields of a TypeProto that are no tensor.
const KINDS: Readonly<Record<number, string>> = { 4: 'a sequence', 5: 'a map', 8: 'a sparse tensor', 9: 'an optional' }

const REMEDIES: Readonly<Record<string, string>> = {
  'a sequence': 'end the graph with the tensors themselves, or with ConcatFromSequence (new_axis=1) for a stack of equal ones',
  'a map': "convert scikit-learn models with options={'zipmap': False}, and give columns as tensors",
  'a sparse tensor': 'export it dense',
  'an optional': 'use the tensor without the node Optional',
}

const sidesOf = (shape: Uint8Array): readonly (number | string)[] =>
  fieldsOf(shape)
    .filter(({ id }) => id === 1)
    .map(({ bytes }) => {
      const side = fieldsOf(bytes)
      const value = lastOf(side, 1)
      return value !== undefined && value.int >= 0n && value.int <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value.int) : textAt(side, 2)
    })

const read = (role: 'input' | 'output', bytes: Uint8Array): Stated => {
  const fields = fieldsOf(bytes)
  const name = textAt(fields, 1)
  const type = fieldsOf(lastOf(fields, 2)?.bytes ?? new Uint8Array())
  const called = `${role} "${name}"`
  const kind = type.map(({ id }) => KINDS[id]).find((known) => known !== undefined)
  if (kind !== undefined) throw failure('unsupported', `${called} is ${kind}, where only tensors are taken and given: ${REMEDIES[kind]}`)
  const tensor = lastOf(type, 1)
  if (tensor === undefined) return { name, shape: undefined }
  const parts = fieldsOf(tensor.bytes)
  const number = Number(intAt(parts, 1))
  if (number !== 0 && dtypeOfElementType(number) === undefined) {
    const dtype = OTHERS[number] ?? `of ONNX's element type ${number}`
    throw failure(
      'unsupported',
      `${called} is ${dtype}, for which there is no tensor here: ${number === 14 || number === 15 ? 'give the real and imaginary parts as an axis of 2 of float32' : `let a Cast node in the graph make it float32 (${role === 'input' ? 'right after the input' : 'right before the output'}); inside of the graph ${dtype} may stay`}`,
    )
  }
  const shape = lastOf(parts, 2)
  return { name, shape: shape === undefined ? undefined : sidesOf(shape.bytes) }
}

const fieldsIn = (file: Uint8Array): readonly Field[] => {
  checkBoundsOf(file)
  return fieldsOf(file)
}

/** The graph of a model, as fields; `bad-model` where there is none. */
export const graphFieldsOf = (file: Uint8Array): readonly Field[] =>
  fieldsIn(file)
    .filter(({ id }) => id === 7)
    .flatMap(({ bytes }) => fieldsOf(bytes))

/**
 * Reads what a file states of its inputs and outputs.
 * @throws ActiveStorageError `unsupported` for what is no tensor, or of a dtype that has none here, with its name and a remedy
 */
export const statedTypes = (file: Uint8Array): StatedTypes => {
  const graph = graphFieldsOf(file)
  const named = (id: number, nameAt: number) => graph.filter((field) => field.id === id).map(({ bytes }) => textAt(fieldsOf(bytes), nameAt))
  const held = new Set(named(5, 8))
  // A sparse initializer has the name of its values.
  for (const { id, bytes } of graph) if (id === 15) held.add(textAt(fieldsOf(lastOf(fieldsOf(bytes), 1)?.bytes ?? new Uint8Array()), 8))
  const of = (id: number) => graph.filter((field) => field.id === id)
  return {
    inputs: of(11)
      .filter(({ bytes }) => !held.has(textAt(fieldsOf(bytes), 1)))
      .map(({ bytes }) => read('input', bytes)),
    outputs: of(12).map(({ bytes }) => read('output', bytes)),
  }
}

/** What onnxruntime tells of a model, with what it does not: which inputs and outputs state no shape. */
export const withRanks = (shape: ModelShape, { inputs, outputs }: StatedTypes): ModelShape => {
  const marked = (specs: readonly TensorSpec[], all: readonly Stated[]): TensorSpec[] => {
    const without = new Set(all.flatMap((each) => (each.shape === undefined ? [each.name] : [])))
    return specs.map((spec) => (without.has(spec.name) && spec.shape.length === 0 ? { ...spec, unranked: true } : spec))
  }
  return { inputs: marked(shape.inputs, inputs), outputs: marked(shape.outputs, outputs) }
}

/** Versions of ONNX's own operators that onnxruntime loads. */
const NEWEST_OPSET = 26
/** @throws ActiveStorageError `unsupported` for a model that is newer than the runtime */
export const checkOpsets = (opsets: readonly { readonly domain: string; readonly version: number }[]): void => {
  const own = opsets.find(({ domain }) => domain === 'ai.onnx')
  if (own !== undefined && own.version > NEWEST_OPSET)
    throw failure(
      'unsupported',
      `the model is of opset ${own.version} of ONNX's operators, where onnxruntime runs ${NEWEST_OPSET} at the most: export it with opset 20 (opset_version=20 in PyTorch, target_opset in skl2onnx), or lower it with onnx.version_converter`,
    )
}
