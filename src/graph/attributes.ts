import { failure } from '../core/errors.ts'
import { Tensor } from '../core/tensor.ts'
import type { Attribute, Attributes, AttributeValues, Node } from './graph.ts'

/** Attributes of ONNX's operators that are floats, so that a plain number under these names becomes one. */
const FLOATS = new Set(['alpha', 'beta', 'epsilon', 'momentum', 'ratio', 'lambd', 'bias', 'gamma', 'value_float', 'clip', 'extrapolation_value', 'cubic_coeff_a', 'scale', 'high', 'low', 'mean', 'spatial_scale', 'softcap']) // prettier-ignore

/** An attribute as code writes it: a number is an int or a float by its name. */
export type Plain = number | string | Tensor | readonly number[] | readonly string[] | undefined

/** Attributes of plain values; those that are undefined are left out. */
export const attributesOf = (plain: Readonly<Record<string, Plain>>): Attributes => {
  const found: Record<string, Attribute> = {}
  for (const [name, value] of Object.entries(plain)) {
    if (value === undefined) continue
    if (typeof value === 'number') found[name] = { type: FLOATS.has(name) ? 'float' : 'int', value }
    else if (typeof value === 'string') found[name] = { type: 'string', value }
    else if (value instanceof Tensor) found[name] = { type: 'tensor', value }
    else if (isStrings(value)) found[name] = { type: 'strings', value }
    else found[name] = { type: name === 'value_floats' ? 'floats' : 'ints', value }
  }
  return found
}
const isStrings = (value: readonly number[] | readonly string[]): value is readonly string[] =>
  value.length > 0 && typeof value[0] === 'string'

/**
 * The value of an attribute; undefined where the node has none.
 * @throws ActiveStorageError `bad-model` where it is of another type
 */
export const attributeOf = <T extends keyof AttributeValues>(node: Node, name: string, type: T): AttributeValues[T] | undefined => {
  const found = node.attributes[name]
  if (found === undefined) return undefined
  if (found.type !== type)
    throw failure('bad-model', `node ${node.name} (${node.op}): its attribute "${name}" is of type ${found.type}, not ${type}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- compared above
  return found.value as AttributeValues[T]
}
