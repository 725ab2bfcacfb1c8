import type { DType } from '../core/dtype.ts'
import { failure } from '../core/errors.ts'
import { bytesOf, Tensor } from '../core/tensor.ts'
import { attributesOf, type Plain } from './attributes.ts'
import type { Attributes, Graph, Node, ValueType } from './graph.ts'
import { inferNode } from './infer.ts'
import { type Elements, elementsOf } from './infer/elements.ts'
import { constantOf } from './infer/sources.ts'

/** A tensor of the graph that is being built. */
export interface Value extends ValueType {
  readonly name: string
}

export interface OpOptions {
  /** Names of its outputs, or how many it has. Default 1. */
  readonly outputs?: number | readonly string[]
  readonly name?: string
}

const NEWEST_OPSET = 20

/** Elements of a constant that are compared by value, at the most, so that equal ones are one. */
const SHARED_ELEMENTS = 64

/**
 * Builds a graph node by node; each is checked, and the shapes of its outputs are inferred, as it is added.
 * @throws ActiveStorageError `bad-model`, naming the node, for inputs that do not fit their operator
 */
export class GraphBuilder {
  readonly name: string
  readonly opset: number
  readonly #inputs = new Map<string, ValueType>()
  readonly #initializers = new Map<string, Tensor>()
  readonly #outputs = new Map<string, ValueType>()
  readonly #nodes: Node[] = []
  readonly #values = new Map<string, Value>()
  readonly #constants = new Map<string, Value>()
  readonly #held = new Map<string, Tensor>()
  readonly #elements = new Map<string, Elements>()
  readonly #names = new Set<string>()
  readonly #given = new Map<string, number>()

  constructor({ name = 'graph', opset = NEWEST_OPSET }: { readonly name?: string; readonly opset?: number } = {}) {
    this.name = name
    this.opset = opset
  }

  /** A name that nothing in this graph has, made of the one given. */
  fresh(name: string): string {
    // Counted on from the last, so that the thousandth name is as quick as the first.
    for (let n = this.#given.get(name) ?? 0; ; n++) {
      const candidate = n === 0 ? name : `${name}_${n}`
      if (this.#names.has(candidate) || this.#values.has(candidate)) continue
      this.#names.add(candidate)
      this.#given.set(name, n + 1)
      return candidate
    }
  }

  /** Keeps names from being given by `fresh`: those of what is still to be added. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.#names.add(name)
  }

  #add(name: string, { dtype, shape }: ValueType): Value {
    if (this.#values.has(name)) throw failure('bad-model', `two tensors are called "${name}": each needs a name of its own`)
    const value = { name, dtype, shape }
    this.#values.set(name, value)
    return value
  }

  /** A tensor that the caller feeds. */
  input(name: string, dtype: DType, shape: ValueType['shape']): Value {
    const value = this.#add(name, { dtype, shape })
    this.#inputs.set(name, { dtype, shape })
    return value
  }

  /** A tensor that the file holds, under a name of its own: a weight. */
  initializer(name: string, tensor: Tensor): Value {
    const value = this.#add(name, tensor)
    this.#initializers.set(name, tensor)
    return value
  }

  /** A constant; small equal ones are one tensor. */
  constant(tensor: Tensor): Value {
    const key = tensor.size > SHARED_ELEMENTS || tensor.dtype === 'string' ? undefined : `${tensor.dtype} ${tensor.shape.join()} ${Buffer.from(bytesOf(tensor)).toString('latin1')}` // prettier-ignore
    const known = key === undefined ? undefined : this.#constants.get(key)
    if (known !== undefined) return known
    const value = this.initializer(this.fresh('constant'), tensor)
    if (key !== undefined) this.#constants.set(key, value)
    return value
  }
  /** A float32 constant of no dimensions. */
  scalar(value: number): Value {
    return this.constant(new Tensor('float32', new Float32Array([value]), []))
  }
  /** An int64 constant of one dimension: shapes, axes, indices. */
  ints(...values: readonly number[]): Value {
    return this.constant(new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]))
  }

  /** The one output of an operator. */
  op(op: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Plain>> = {}, options: OpOptions = {}): Value {
    const [first] = this.ops(op, inputs, attributes, options)
    if (first === undefined) throw failure('bad-model', `a ${op} without an output`)
    return first
  }

  /** The outputs of an operator. */
  ops(
    op: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Plain>> = {},
    options: OpOptions = {},
  ): readonly Value[] {
    const { outputs = 1 } = options
    const name = this.fresh(options.name ?? op)
    const names = typeof outputs === 'number' ? Array.from({ length: outputs }, (_, i) => this.fresh(outputs === 1 ? `${name}.out` : `${name}.out${i}`)) : outputs // prettier-ignore
    return this.node({ op, name, inputs: inputs.map((input) => input?.name ?? ''), outputs: names, attributes: attributesOf(attributes) })
  }

  /** A node as another graph has it. Outputs that are left out (`''`) are not among those returned. */
  node(node: {
    readonly op: string
    readonly name: string
    readonly inputs: readonly string[]
    readonly outputs: readonly string[]
    readonly attributes: Attributes
  }): readonly Value[] {
    const { types, elements } = inferNode(node, {
      opset: this.opset,
      type: (name) => this.#values.get(name),
      constant: (name) => this.constantOf(name),
      elements: (name) => this.#elements.get(name),
    })
    this.#names.add(node.name)
    this.#nodes.push(node)
    const [output = ''] = node.outputs
    const tensor = node.op === 'Constant' ? constantOf(node) : undefined
    if (tensor !== undefined) this.#held.set(output, tensor)
    return node.outputs.flatMap((output, i) => {
      const type = types[i]
      if (output === '') return []
      if (type === undefined) throw failure('bad-model', `node ${node.name} (${node.op}) has no output ${i}`)
      const known = elements[i]
      if (known !== undefined) this.#elements.set(output, known)
      return [this.#add(output, type)]
    })
  }

  /** The elements of a tensor that the graph holds; undefined for one that it computes. */
  constantOf(name: string): Tensor | undefined {
    return this.#initializers.get(name) ?? this.#held.get(name)
  }
  /** What is known of the elements of a small tensor that the graph computes from shapes. */
  elementsOf(name: string): Elements | undefined {
    const tensor = this.constantOf(name)
    return this.#elements.get(name) ?? (tensor && elementsOf(tensor))
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** The tensor of this name. @throws `bad-model` */
  value(name: string): Value {
    const found = this.#values.get(name)
    if (found === undefined) throw failure('bad-model', `there is no tensor called "${name}" in graph ${this.name}`)
    return found
  }

  /** Gives a tensor to the caller, under its own name or another. */
  output(value: Value, name = value.name): void {
    const given = name === value.name ? value : this.op('Identity', [value], {}, { outputs: [name] })
    this.#outputs.set(given.name, { dtype: given.dtype, shape: given.shape })
  }

  build(): Graph {
    return {
      name: this.name,
      opset: this.opset,
      inputs: new Map(this.#inputs),
      initializers: new Map(this.#initializers),
      nodes: [...this.#nodes],
      outputs: new Map(this.#outputs),
    }
  }
}
