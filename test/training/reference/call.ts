import { attributeOf } from '../../../src/graph/attributes.ts'
import type { Node } from '../../../src/graph/graph.ts'
import type { DType } from '../../../src/core/dtype.ts'
import type { Tensor } from '../../../src/core/tensor.ts'
import type { Nd } from './nd.ts'

/** One node that is to be computed, with its inputs. */
export class Call {
  readonly node: Node
  readonly opset: number
  readonly inputs: readonly (Nd | undefined)[]

  constructor(node: Node, opset: number, inputs: readonly (Nd | undefined)[]) {
    this.node = node
    this.opset = opset
    this.inputs = inputs
  }

  /** An input that must be there. */
  get(index: number): Nd {
    const found = this.inputs[index]
    if (found === undefined) throw new Error(`node ${this.node.name} (${this.node.op}) lacks input ${index}`)
    return found
  }
  /** An input that may be left out. */
  maybe(index: number): Nd | undefined {
    return this.inputs[index]
  }
  all(): readonly Nd[] {
    return this.inputs.map((_, index) => this.get(index))
  }
  int(name: string, otherwise: number): number {
    return attributeOf(this.node, name, 'int') ?? otherwise
  }
  flag(name: string, otherwise = 0): boolean {
    return this.int(name, otherwise) !== 0
  }
  float(name: string, otherwise: number): number {
    return attributeOf(this.node, name, 'float') ?? otherwise
  }
  text(name: string, otherwise: string): string {
    return attributeOf(this.node, name, 'string') ?? otherwise
  }
  ints(name: string): readonly number[] | undefined {
    return attributeOf(this.node, name, 'ints')
  }
  floats(name: string): readonly number[] | undefined {
    return attributeOf(this.node, name, 'floats')
  }
  texts(name: string): readonly string[] | undefined {
    return attributeOf(this.node, name, 'strings')
  }
  tensor(name: string): Tensor | undefined {
    return attributeOf(this.node, name, 'tensor')
  }
  /** Whether the node has this output. */
  wants(output: number): boolean {
    return (this.node.outputs[output] ?? '') !== ''
  }
  refuse(what: string): never {
    throw new Error(`node ${this.node.name} (${this.node.op}): the reference does not know ${what}`)
  }
}

/** An operator: its outputs, as many as are wanted or more. */
export type Op = (call: Call) => readonly Nd[]
export type Family = Readonly<Record<string, Op>>

const codes: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
}
/** The dtype of a number of ONNX's TensorProto.DataType. */
export const dtypeOfCode = (code: number): DType => {
  const found = codes[code]
  if (found === undefined) throw new Error(`the reference has no tensors of ONNX's type ${code}`)
  return found
}
