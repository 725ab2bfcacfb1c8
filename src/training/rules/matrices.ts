import type { Value } from '../../graph/builder.ts'
import { Emit } from '../emit.ts'
import { attribute, gradOf, inputOf, type Rule, type Rules, shapeOf } from './rule.ts'

const matmul: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [x, y] = [inputOf(ctx, 0), inputOf(ctx, 1)]
  const [xSides, ySides] = [shapeOf(x), shapeOf(y)]
  // A vector is a matrix of one row on the left, of one column on the right.
  const left = xSides.length === 1 ? e.reshape(x, [1, ...xSides]) : x
  const right = ySides.length === 1 ? e.reshape(y, [...ySides, 1]) : y
  const [rows = 1] = shapeOf(left).slice(-2)
  const columns = shapeOf(right).at(-1) ?? 1
  const outSides = shapeOf(gradOf(ctx))
  const batch = outSides.slice(0, outSides.length - (xSides.length === 1 ? 0 : 1) - (ySides.length === 1 ? 0 : 1))
  const grad = e.reshape(gradOf(ctx), [...batch, rows, columns])
  const gradients = right.shape.length === 2 ? matrixOnTheRight(e, grad, left, right, ctx.needs) : batched(e, grad, left, right, ctx.needs)
  return gradients.map((value, i) => (value === undefined ? undefined : e.reshape(value, i === 0 ? xSides : ySides)))
}

type Pair = readonly [Value | undefined, Value | undefined]

/** All batches of the left are rows of one product; Gemm turns its operands as it reads them. */
const matrixOnTheRight = (e: Emit, grad: Value, left: Value, right: Value, needs: readonly boolean[]): Pair => {
  const flat = e.rows(grad, 1)
  return [needs[0] ? e.gemm(flat, right, { transB: 1 }) : undefined, needs[1] ? e.gemm(e.rows(left, 1), flat, { transA: 1 }) : undefined]
}

const batched = (e: Emit, grad: Value, left: Value, right: Value, needs: readonly boolean[]): Pair => [
  needs[0] ? e.sumTo(e.matmul(grad, e.turned(right)), shapeOf(left)) : undefined,
  needs[1] ? e.sumTo(e.matmul(e.turned(left), grad), shapeOf(right)) : undefined,
]

const gemm: Rule = (ctx) => {
  const e = new Emit(ctx)
  const [x, y, c] = [inputOf(ctx, 0), inputOf(ctx, 1), ctx.inputs[2]]
  const [transA, transB] = [attribute(ctx, 'transA', 'int', 0) === 1, attribute(ctx, 'transB', 'int', 0) === 1]
  const alpha = attribute(ctx, 'alpha', 'float', 1)
  const [plain, grad] = [gradOf(ctx), e.mul(gradOf(ctx), alpha)]
  const flag = (is: boolean): 0 | 1 => (is ? 1 : 0)
  const ofX = (): Value => (transA ? e.gemm(y, grad, { transA: flag(transB), transB: 1 }) : e.gemm(grad, y, { transB: flag(!transB) }))
  const ofY = (): Value => (transB ? e.gemm(grad, x, { transA: 1, transB: flag(transA) }) : e.gemm(x, grad, { transA: flag(!transA) }))
  return [
    ctx.needs[0] ? ofX() : undefined,
    ctx.needs[1] ? ofY() : undefined,
    c !== undefined && ctx.needs[2] ? e.mul(e.sumTo(plain, shapeOf(c)), attribute(ctx, 'beta', 'float', 1)) : undefined,
  ]
}

export const matrices: Rules = { MatMul: matmul, Gemm: gemm }
