import type { DType } from '../core/dtype.ts'
import type { Tensor } from '../core/tensor.ts'

/** A side of a shape: its length, or the name of one that is known only when the graph runs. */
export type Dim = number | string

/** What is known of a tensor before the graph runs. */
export interface ValueType {
  readonly dtype: DType
  readonly shape: readonly Dim[]
}

/** What an attribute of each of ONNX's types holds. Whole numbers beyond 2^53 are refused on reading. */
export interface AttributeValues {
  readonly float: number
  readonly int: number
  readonly string: string
  readonly tensor: Tensor
  readonly graph: Graph
  readonly floats: readonly number[]
  readonly ints: readonly number[]
  readonly strings: readonly string[]
}
/** An attribute of a node with the type that its file gives. */
export type Attribute = { [T in keyof AttributeValues]: { readonly type: T; readonly value: AttributeValues[T] } }[keyof AttributeValues]
export type Attributes = Readonly<Record<string, Attribute>>

/** One operator of ONNX's own domain. */
export interface Node {
  /** Its operator: `Conv`. */
  readonly op: string
  /** Unique in its graph, and not empty: what errors call it. */
  readonly name: string
  /** Names of tensors; `''` for an optional one that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Attributes
}

/** A graph of ONNX operators. Every tensor has one name and one producer: an input, an initializer or a node. */
export interface Graph {
  readonly name: string
  /** The version of ONNX's own operator set that its nodes are of. */
  readonly opset: number
  /** What a caller feeds, in order; initializers are not among them. */
  readonly inputs: ReadonlyMap<string, ValueType>
  readonly initializers: ReadonlyMap<string, Tensor>
  /** In an order in which each tensor is made before it is used. */
  readonly nodes: readonly Node[]
  /** What it gives, in order, with what its file states of the shapes. */
  readonly outputs: ReadonlyMap<string, ValueType>
}
