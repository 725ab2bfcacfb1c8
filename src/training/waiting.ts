import { Tensor } from '../core/tensor.ts'
import { attributesOf, type Plain } from '../graph/attributes.ts'
import type { Node } from '../graph/graph.ts'

/**
 * Makes tensors wait for others, at no cost in elements: a tensor is reshaped to its own shape, to whose numbers none of the
 * other's are added. (The other's Shape would be folded when the session is made, and nothing would wait.)
 */
export class Waiting {
  /** Nodes in an order in which they can run; others may be pushed between. */
  readonly nodes: Node[] = []
  readonly initializers = new Map<string, Tensor>()
  readonly #none = new Map<string, string>()

  #node(op: string, inputs: readonly string[], output: string, attributes: Readonly<Record<string, Plain>> = {}): string {
    this.nodes.push({ op, name: output, inputs, outputs: [output], attributes: attributesOf(attributes) })
    return output
  }
  #numbers(values: readonly number[]): string {
    const name = `waiting/${values.join('x')}`
    this.initializers.set(name, new Tensor('int64', BigInt64Array.from(values, BigInt), [values.length]))
    return name
  }
  /** No numbers, but not before there is this tensor. */
  #noneOf(other: string): string {
    const known = this.#none.get(other)
    if (known !== undefined) return known
    const zero = this.#numbers([0])
    const line = this.#node('Reshape', [other, this.#numbers([-1])], `${other}/line`)
    const part = this.#node('Slice', [line, zero, zero, zero], `${other}/part`)
    const none = this.#node('Cast', [part], `${other}/none`, { to: 7 })
    this.#none.set(other, none)
    return none
  }

  /** The tensor of this name and shape, once there is the other. */
  after(other: string, name: string, shape: readonly number[]): string {
    const made = `${name}/after ${other}`
    const sides = this.#node('Concat', [this.#numbers(shape), this.#noneOf(other)], `${made}/shape`, { axis: 0 })
    return this.#node('Reshape', [name, sides], made)
  }
}
