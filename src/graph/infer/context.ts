import type { DType } from '../../core/dtype.ts'
import { type ActiveStorageError, failure } from '../../core/errors.ts'
import { attributeOf } from '../attributes.ts'
import type { AttributeValues, Dim, Node, ValueType } from '../graph.ts'
import type { Known } from '../infer.ts'
import { type Elements, elementsOf } from './elements.ts'
import { broadcastShapes, shown } from './shapes.ts'

/** Infers the types of a node's outputs from what is known of its inputs. */
export type InferRule = (at: NodeContext) => readonly ValueType[]

/** A node with what is known of its inputs, as the rules read it; every complaint names the node. */
export class NodeContext {
  readonly node: Node
  readonly opset: number
  readonly #known: Known

  constructor(node: Node, known: Known) {
    this.node = node
    this.opset = known.opset
    this.#known = known
  }

  /** An error of this node: what is wrong, its inputs, and what to do. */
  wrong(what: string, remedy: string, code: 'bad-model' | 'unsupported' = 'bad-model'): ActiveStorageError {
    const { name, op, inputs } = this.node
    const given = inputs.map((input) => {
      const type = this.#known.type(input)
      return input === '' ? '(none)' : `${input}${type === undefined ? '' : ` ${shown(type)}`}`
    })
    return failure(code, `node ${name} (${op}): ${what}; its inputs are ${given.length === 0 ? 'none' : given.join(', ')}: ${remedy}`)
  }

  has(i: number): boolean {
    return (this.node.inputs[i] ?? '') !== ''
  }
  /** The type of an input that is optional. */
  optional(i: number): ValueType | undefined {
    const name = this.node.inputs[i] ?? ''
    if (name === '') return undefined
    const type = this.#known.type(name)
    if (type === undefined) throw this.wrong(`nothing makes its input ${i}, "${name}"`, 'add the input, initializer or node that makes it')
    return type
  }
  /** The type of an input that must be there. */
  input(i: number): ValueType {
    const type = this.optional(i)
    if (type === undefined) throw this.wrong(`it lacks input ${i}`, `give it what ${this.node.op} needs there`)
    return type
  }
  /** The types of all inputs that are there. */
  all(): readonly ValueType[] {
    return this.node.inputs.flatMap((_, i) => this.optional(i) ?? [])
  }

  attribute<T extends keyof AttributeValues>(name: string, type: T): AttributeValues[T] | undefined {
    return attributeOf(this.node, name, type)
  }
  int(name: string, otherwise: number): number {
    return this.attribute(name, 'int') ?? otherwise
  }
  ints(name: string): readonly number[] | undefined {
    return this.attribute(name, 'ints')
  }

  /** What is known of an input's elements; undefined where nothing is, or the input is left out. */
  elements(i: number): Elements | undefined {
    const name = this.node.inputs[i] ?? ''
    if (name === '') return undefined
    const followed = this.#known.elements?.(name)
    if (followed !== undefined) return followed
    const tensor = this.#known.constant(name)
    return tensor === undefined ? undefined : elementsOf(tensor)
  }
  /** An input's elements where all are numbers. */
  numbers(i: number): readonly number[] | undefined {
    const elements = this.elements(i)
    if (elements === undefined) return undefined
    const numbers = elements.values.filter((value) => typeof value === 'number')
    return numbers.length === elements.values.length ? numbers : undefined
  }
  /** Numbers that must be known before the graph runs. */
  constantNumbers(i: number, what: string): readonly number[] {
    const numbers = this.numbers(i)
    if (numbers === undefined)
      throw this.wrong(
        `its ${what} are known only when the graph runs, and with them the rank of what it gives`,
        'make them an initializer',
        'unsupported',
      )
    return numbers
  }

  /** A name for a side that cannot be told. */
  fresh(axis: number, output = 0): string {
    return `${this.node.name}.${output === 0 ? '' : `${output}.`}${axis}`
  }

  /** An axis from 0, of a rank. */
  axis(axis: number, rank: number): number {
    const from = axis < 0 ? axis + rank : axis
    if (!Number.isInteger(axis) || from < 0 || from >= rank)
      throw this.wrong(`it names axis ${axis} of a tensor of ${rank} dimensions`, `an axis is from ${-rank} to ${rank - 1}`)
    return from
  }
  /** Axes from 0, each once. */
  axes(axes: readonly number[], rank: number): readonly number[] {
    const from = axes.map((axis) => this.axis(axis, rank))
    if (new Set(from).size < from.length) throw this.wrong(`it names an axis twice: [${axes.join(', ')}]`, 'name each once')
    return from
  }

  /** Refuses inputs whose dtypes differ where the operator wants one. */
  sameDType(...types: readonly (ValueType | undefined)[]): DType {
    const dtypes = new Set(types.flatMap((type) => type?.dtype ?? []))
    const [dtype] = dtypes
    if (dtype === undefined || dtypes.size > 1)
      throw this.wrong(`it wants inputs of one dtype, not of ${[...dtypes].join(' and ')}`, 'convert one of them with Cast')
    return dtype
  }
  /** Refuses an input of a dtype that the operator does not take. */
  wants(i: number, ...dtypes: readonly DType[]): void {
    const type = this.optional(i)
    if (type !== undefined && !dtypes.includes(type.dtype))
      throw this.wrong(`its input ${i} is ${type.dtype}, where it takes ${dtypes.join(' or ')}`, 'convert it with Cast')
  }
  rank(i: number, least: number, most = least): ValueType {
    const type = this.input(i)
    if (type.shape.length < least || type.shape.length > most)
      throw this.wrong(
        `its input ${i} has ${type.shape.length} dimensions, where it takes ${least}${most > least ? (most === Infinity ? ' or more' : ` to ${most}`) : ''}`,
        'add or remove dimensions with Reshape',
      )
    return type
  }
  broadcast(...shapes: readonly (readonly Dim[])[]): readonly Dim[] {
    const shape = broadcastShapes(shapes, (axis) => this.fresh(axis))
    if (shape === undefined)
      throw this.wrong(
        `the shapes ${shapes.map((each) => `[${each.join(', ')}]`).join(' and ')} do not broadcast`,
        'sides must be equal or 1, counted from the last',
      )
    return shape
  }
}

/** How the rules count the outputs that a node asks for. */
export const wanted = (at: NodeContext, types: readonly ValueType[]): readonly ValueType[] => {
  if (at.node.outputs.length > types.length)
    throw at.wrong(`it names ${at.node.outputs.length} outputs, where it has ${types.length}`, 'leave out those beyond')
  return types.slice(0, Math.max(1, at.node.outputs.length))
}
