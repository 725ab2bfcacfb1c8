import { failure } from '../core/errors.ts'
import type { DType } from '../core/dtype.ts'
import { Tensor } from '../core/tensor.ts'
import type { Plain } from '../graph/attributes.ts'
import type { GraphBuilder, Value } from '../graph/builder.ts'
import { range, shapeOf, sizeOf } from './rules/rule.ts'

/** The numbers by which ONNX calls dtypes in attributes. */
const CODES: Partial<Record<DType, number>> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 }

const sameSides = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((side, i) => side === b[i])

/**
 * The operators that gradients are written with, as functions. Nodes are called after the one they belong to.
 * What would not change a tensor adds no node.
 */
export class Emit {
  readonly b: GraphBuilder
  readonly #of: string

  constructor({ b, node }: { readonly b: GraphBuilder; readonly node: { readonly name: string } }) {
    this.b = b
    this.#of = node.name
  }

  op(op: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Plain>> = {}): Value {
    return this.b.op(op, inputs, attributes, { name: `${this.#of}/${op}` })
  }
  ops(op: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Plain>>, outputs: number): readonly Value[] {
    return this.b.ops(op, inputs, attributes, { name: `${this.#of}/${op}`, outputs })
  }

  /** A number without dimensions, of the dtype of another tensor. */
  num(value: number, { dtype }: Value): Value {
    if (dtype === 'float32') return this.b.scalar(value)
    if (dtype === 'float64') return this.b.constant(new Tensor('float64', new Float64Array([value]), []))
    if (dtype === 'int64') return this.b.constant(new Tensor('int64', new BigInt64Array([BigInt(value)]), []))
    if (dtype === 'int32') return this.b.constant(new Tensor('int32', new Int32Array([value]), []))
    if (dtype === 'float16') return this.cast(this.b.scalar(value), dtype)
    throw failure('unsupported', `gradients of ${dtype} tensors`)
  }
  /** A tensor that holds one number everywhere. */
  full(value: number, like: Value, sides: readonly number[] = shapeOf(like)): Value {
    const number = this.num(value, like)
    return sides.length === 0 ? number : this.op('Expand', [number, this.b.ints(...sides)])
  }

  add(x: Value, y: Value): Value {
    return this.op('Add', [x, y])
  }
  sub(x: Value, y: Value): Value {
    return this.op('Sub', [x, y])
  }
  mul(x: Value, y: Value | number): Value {
    return y === 1 ? x : this.op('Mul', [x, typeof y === 'number' ? this.num(y, x) : y])
  }
  div(x: Value, y: Value | number): Value {
    return y === 1 ? x : this.op('Div', [x, typeof y === 'number' ? this.num(y, x) : y])
  }
  plus(x: Value, y: number): Value {
    return y === 0 ? x : this.op('Add', [x, this.num(y, x)])
  }
  neg(x: Value): Value {
    return this.op('Neg', [x])
  }
  square(x: Value): Value {
    return this.op('Mul', [x, x])
  }
  /** 1 - x */
  oneMinus(x: Value): Value {
    return this.op('Sub', [this.num(1, x), x])
  }
  compare(op: 'Equal' | 'Less' | 'Greater', x: Value, y: Value | number): Value {
    return this.op(op, [x, typeof y === 'number' ? this.num(y, x) : y])
  }
  /** A finite tensor where the mask holds, zero elsewhere: by a product, since onnxruntime's Where takes 2.5 times as long. */
  masked(mask: Value, x: Value): Value {
    return this.mul(x, this.cast(mask, x.dtype))
  }
  where(mask: Value, x: Value, y: Value | number): Value {
    return this.op('Where', [mask, x, typeof y === 'number' ? this.num(y, x) : y])
  }
  total(terms: readonly Value[]): Value {
    const [first] = terms
    if (first === undefined) throw failure('internal', 'a sum of nothing')
    if (terms.length === 1) return first
    return this.op(terms.length === 2 ? 'Add' : 'Sum', terms)
  }
  cast(x: Value, dtype: DType): Value {
    if (x.dtype === dtype) return x
    const to = CODES[dtype]
    if (to === undefined) throw failure('unsupported', `a gradient cast to ${dtype}`)
    return this.op('Cast', [x], { to })
  }

  reshape(x: Value, sides: readonly number[]): Value {
    return sameSides(shapeOf(x), sides) ? x : this.op('Reshape', [x, this.b.ints(...sides)])
  }
  expand(x: Value, sides: readonly number[]): Value {
    return sameSides(shapeOf(x), sides) ? x : this.op('Expand', [x, this.b.ints(...sides)])
  }
  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.every((axis, i) => axis === i)) return x
    // Where only sides of 1 change their places, the elements stay where they are.
    const sides = shapeOf(x)
    const moved = perm.filter((axis) => sides[axis] !== 1)
    if (moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0))) return this.reshape(x, perm.map((axis) => sides[axis] ?? 1)) // prettier-ignore
    return this.op('Transpose', [x], { perm })
  }
  /** Swaps the last two axes. */
  turned(x: Value): Value {
    const rank = x.shape.length
    return this.transpose(x, [...range(rank - 2), rank - 1, rank - 2])
  }
  sum(x: Value, axes: readonly number[], keepdims = true): Value {
    return this.#reduce('ReduceSum', x, axes, keepdims)
  }
  mean(x: Value, axes: readonly number[], keepdims = true): Value {
    return this.#reduce('ReduceMean', x, axes, keepdims)
  }
  #reduce(op: string, x: Value, axes: readonly number[], keepdims: boolean): Value {
    const sides = shapeOf(x)
    if (axes.every((axis) => sides[axis] === 1)) return this.reshape(x, sides.filter((_, i) => keepdims || !axes.includes(i))) // prettier-ignore
    return this.op(op, [x, this.b.ints(...axes)], { keepdims: keepdims ? 1 : 0 })
  }
  /** Sums a broadcast out: the gradient of what was spread to this shape. */
  sumTo(x: Value, sides: readonly number[]): Value {
    const own = shapeOf(x)
    if (sameSides(own, sides)) return x
    const lead = own.length - sides.length
    const axes = range(own.length).filter((axis) => axis < lead || (sides[axis - lead] === 1 && own[axis] !== 1))
    return this.reshape(axes.length === 0 ? x : this.sum(x, axes), sides)
  }

  slice(x: Value, axis: number, from: number, to: number): Value {
    if (from === 0 && to === shapeOf(x)[axis]) return x
    const { b } = this
    return this.op('Slice', [x, b.ints(from), b.ints(to), b.ints(axis)])
  }
  /** Zeros before and behind. Negative ones cut off. */
  pad(x: Value, before: readonly number[], behind: readonly number[]): Value {
    const pads = [...before, ...behind]
    if (pads.every((pad) => pad === 0)) return x
    if (pads.every((pad) => pad <= 0)) return this.crop(x, before.map((pad) => -pad), shapeOf(x).map((side, i) => side + (before[i] ?? 0) + (behind[i] ?? 0))) // prettier-ignore
    return this.op('Pad', [x, this.b.ints(...pads), this.num(0, x)])
  }
  /** The part of these sides that begins there. */
  crop(x: Value, from: readonly number[], sides: readonly number[]): Value {
    const own = shapeOf(x)
    const axes = range(own.length).filter((axis) => own[axis] !== sides[axis])
    if (axes.length === 0) return x
    const { b } = this
    const starts = axes.map((axis) => from[axis] ?? 0)
    const ends = axes.map((axis) => (from[axis] ?? 0) + (sides[axis] ?? 0))
    return this.op('Slice', [x, b.ints(...starts), b.ints(...ends), b.ints(...axes)])
  }
  concat(parts: readonly Value[], axis: number): Value {
    const [first] = parts
    return parts.length === 1 && first !== undefined ? first : this.op('Concat', parts, { axis })
  }
  /** Parts of these sides along an axis. */
  split(x: Value, axis: number, sides: readonly number[]): readonly Value[] {
    return sides.length === 1 ? [x] : this.ops('Split', [x, this.b.ints(...sides)], { axis }, sides.length)
  }
  indices(indices: readonly number[]): Value {
    return this.b.constant(new Tensor('int64', BigInt64Array.from(indices, BigInt), [indices.length]))
  }
  gather(x: Value, indices: readonly number[], axis: number): Value {
    return this.op('Gather', [x, this.indices(indices)], { axis })
  }

  matmul(x: Value, y: Value): Value {
    return this.op('MatMul', [x, y])
  }
  /** The product of two matrices, either turned, with a term added to it. */
  gemm(
    x: Value,
    y: Value,
    { transA = 0, transB = 0, plus }: { readonly transA?: 0 | 1; readonly transB?: 0 | 1; readonly plus?: Value | undefined } = {},
  ): Value {
    // prettier-ignore
    return this.op('Gemm', plus === undefined ? [x, y] : [x, y, plus], { transA, transB })
  }
  sigmoid(x: Value): Value {
    return this.op('Sigmoid', [x])
  }
  tanh(x: Value): Value {
    return this.op('Tanh', [x])
  }
  /** As rows of the last axes' product. */
  rows(x: Value, last: number): Value {
    const sides = shapeOf(x)
    return this.reshape(x, [sizeOf(sides.slice(0, sides.length - last)), sizeOf(sides.slice(sides.length - last))])
  }
}
